{{- define "family.shared" -}}child{{- end -}}
