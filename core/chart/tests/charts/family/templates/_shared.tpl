{{- define "family.shared" -}}
parent-wins {{ .Chart.Name }} {{ .Values.size }}
{{- end -}}
