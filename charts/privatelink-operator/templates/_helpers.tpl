{{/* Name of the chart in names and labels. */}}
{{- define "privatelink-operator.name" -}}
{{ .Values.nameOverride | default .Chart.Name | trunc 50 | trimSuffix "-" }}
{{- end }}

{{/* Name of every object. Short enough for suffixes such as -secrets. */}}
{{- define "privatelink-operator.fullname" -}}
{{- $name := include "privatelink-operator.name" . -}}
{{- $release := ternary .Release.Name (printf "%s-%s" .Release.Name $name) (contains $name .Release.Name) -}}
{{ .Values.fullnameOverride | default $release | trunc 50 | trimSuffix "-" }}
{{- end }}

{{/* What a Deployment selects its pods by; it can't be changed later. */}}
{{- define "privatelink-operator.selector" -}}
app.kubernetes.io/name: {{ include "privatelink-operator.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "privatelink-operator.labels" -}}
{{ include "privatelink-operator.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" | trunc 63 | trimSuffix "-" }}
{{- end }}

{{- define "privatelink-operator.serviceAccount" -}}
{{ .Values.serviceAccount.name | default (ternary (include "privatelink-operator.fullname" .) "default" .Values.serviceAccount.create) }}
{{- end }}

{{- define "privatelink-operator.image" -}}
{{- with .Values.image -}}
{{ .repository }}{{ if .digest }}@{{ .digest }}{{ else }}:{{ .tag | default $.Chart.AppVersion }}{{ end }}
{{- end -}}
{{- end }}

{{/*
A Role and its binding to the operator's ServiceAccount: root, namespace ("" for a ClusterRole), suffix of the name, and
the set of rules that src/rbac.rs generates.
*/}}
{{- define "privatelink-operator.role" -}}
{{- $prefix := ternary "" "Cluster" (ne .namespace "") -}}
{{- $name := printf "%s%s" (include "privatelink-operator.fullname" .root) .suffix -}}
apiVersion: rbac.authorization.k8s.io/v1
kind: {{ $prefix }}Role
metadata:
  name: {{ $name }}
  {{- with .namespace }}
  namespace: {{ . }}
  {{- end }}
  labels: {{- include "privatelink-operator.labels" .root | nindent 4 }}
rules:
  {{- .root.Files.Get (printf "rbac/%s.yaml" .rules) | trim | nindent 2 }}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: {{ $prefix }}RoleBinding
metadata:
  name: {{ $name }}
  {{- with .namespace }}
  namespace: {{ . }}
  {{- end }}
  labels: {{- include "privatelink-operator.labels" .root | nindent 4 }}
roleRef:
  apiGroup: rbac.authorization.k8s.io
  kind: {{ $prefix }}Role
  name: {{ $name }}
subjects:
  - kind: ServiceAccount
    name: {{ include "privatelink-operator.serviceAccount" .root }}
    namespace: {{ .root.Release.Namespace }}
{{- end }}
