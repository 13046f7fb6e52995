{{ define "twice" }}from b{{ end }}{{ define "outer" -}}
<{{ include "one" (dict "x" "in" "top" .) }}>
{{- end }}{{ define "count" }}{{ . }}{{ if gt . 0 }},{{ include "count" (sub . 1 | int) }}{{ end }}{{ end }}
{{ define "lines" -}}
- a
- b: |
    text

    more
{{- end }}