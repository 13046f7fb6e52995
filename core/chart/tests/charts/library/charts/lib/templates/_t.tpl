{{- define "lib.data" -}}
name: {{ .name }}
chart: {{ .top.Chart.Name }}
tone: {{ .top.Values.lib.tone }}
{{- end }}
{{- define "lib.more" }}
  more: {{ .Chart.Name }}
{{- end }}