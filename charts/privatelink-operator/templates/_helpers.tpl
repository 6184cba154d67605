{{- define "labels" -}}
app.kubernetes.io/name: {{ .Chart.Name }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "name" -}}
{{ .Release.Name | trunc 63 | trimSuffix "-" }}
{{- end }}
