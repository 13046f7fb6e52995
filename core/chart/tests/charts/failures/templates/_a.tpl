{{ define "a" }}
  {{ include "b" . }}
{{ end }}
{{ define "b" }}{{ .Values.none.such }}{{ end }}