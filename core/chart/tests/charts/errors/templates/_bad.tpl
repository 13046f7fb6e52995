{{- define "errors.bad" }}
{{ .Values.which.deep }}
{{- end }}
