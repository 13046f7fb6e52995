{{/* Names end up in labels and DNS: 63 letters at most, no dash at the end. */}}
{{- define "<CHARTNAME>.short" -}}
{{- . | trunc 63 | trimSuffix "-" -}}
{{- end }}

{{/* What the chart is called. */}}
{{- define "<CHARTNAME>.name" -}}
{{- include "<CHARTNAME>.short" (.Values.nameOverride | default .Chart.Name) -}}
{{- end }}

{{/* What its objects are called: release and chart, once where the one contains the other. */}}
{{- define "<CHARTNAME>.fullname" -}}
{{- $chart := .Values.nameOverride | default .Chart.Name -}}
{{- $both := ternary .Release.Name (printf "%s-%s" .Release.Name $chart) (contains $chart .Release.Name) -}}
{{- include "<CHARTNAME>.short" (.Values.fullnameOverride | default $both) -}}
{{- end }}

{{/* Chart and version, as a label may hold them. */}}
{{- define "<CHARTNAME>.chart" -}}
{{- include "<CHARTNAME>.short" (printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_") -}}
{{- end }}

{{/* By these pods are found; they never change while a release lives. */}}
{{- define "<CHARTNAME>.selectorLabels" -}}
app.kubernetes.io/name: {{ include "<CHARTNAME>.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{/* Labels of every object. */}}
{{- define "<CHARTNAME>.labels" -}}
helm.sh/chart: {{ include "<CHARTNAME>.chart" . }}
{{ include "<CHARTNAME>.selectorLabels" . }}
{{- with .Chart.AppVersion }}
app.kubernetes.io/version: {{ . | quote }}
{{- end }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{- end }}

{{/* The account the pods run as. */}}
{{- define "<CHARTNAME>.serviceAccountName" -}}
{{- $without := ternary (include "<CHARTNAME>.fullname" .) "default" .Values.serviceAccount.create -}}
{{- .Values.serviceAccount.name | default $without -}}
{{- end }}
