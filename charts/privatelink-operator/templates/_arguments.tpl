{{/* The command line of the container: every flag that has a value, then extraArgs. */}}
{{- define "privatelink-operator.args" -}}
{{- $rates := list }}
{{- range $budget, $rate := .Values.awsRates }}
{{- $rates = append $rates (printf "%s=%v" $budget $rate) }}
{{- end }}
{{- $flags := list
  (list "cluster-id" (required "clusterId is required: it names this cluster in the tags of its AWS objects" .Values.clusterId))
  (list "region" .Values.region)
  (list "aws-endpoint-url" .Values.awsEndpointUrl)
  (list "aws-rate" (join "," $rates))
  (list "watch-namespaces" (join "," .Values.watchNamespaces))
  (list "secret-namespaces" (join "," .Values.secretNamespaces))
  (list "resync-interval" .Values.resyncInterval)
  (list "consistency-window" .Values.consistencyWindow)
  (list "concurrency" (.Values.concurrency | toString))
  (list "lease-duration" .Values.leaderElection.leaseDuration)
  (list "lease-renew-deadline" .Values.leaderElection.renewDeadline)
  (list "lease-retry-period" .Values.leaderElection.retryPeriod)
  (list "shutdown-grace-period" (printf "%vs" (sub .Values.terminationGracePeriodSeconds 5)))
  (list "take-over-from" .Values.takeOverFrom)
  (list "log-format" .Values.log.format)
  (list "log-level" .Values.log.level)
  (list "permissions-boundary" .Values.guardrails.permissionsBoundary)
  (list "role-path-prefix" .Values.guardrails.rolePathPrefix)
  (list "allowed-managed-policies" (join "," .Values.guardrails.allowedManagedPolicies))
  (list "allowed-execution-roles" (join "," .Values.guardrails.allowedExecutionRoles))
  (list "allowed-trust-services" (join "," .Values.guardrails.allowedTrustServices))
-}}
{{- $switches := list
  (list "allow-adoption" .Values.guardrails.allowAdoption)
  (list "allow-profile-replace" .Values.guardrails.allowProfileReplace)
  (list "require-allow-tag" .Values.guardrails.requireAllowTag)
-}}
- run
{{- range $flags }}
{{- if index . 1 }}
- {{ printf "--%s=%s" (index . 0) (index . 1) | quote }}
{{- end }}
{{- end }}
{{- range $switches }}
{{- if index . 1 }}
- --{{ index . 0 }}
{{- end }}
{{- end }}
{{- with .Values.extraArgs }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{- define "privatelink-operator.env" -}}
{{- if include "privatelink-operator.caBundle" . }}
- name: AWS_CA_BUNDLE
  value: /etc/privatelink-operator/ca/{{ .Values.caBundle.key }}
{{- end }}
{{- with .Values.env }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{/* The source of the volume with the bundle; empty where none is given. */}}
{{- define "privatelink-operator.caBundle" -}}
{{- with .Values.caBundle }}
{{- if .configMapName }}
configMap:
  name: {{ .configMapName }}
  items: [{ key: {{ .key }}, path: {{ .key }} }]
{{- else if .secretName }}
secret:
  secretName: {{ .secretName }}
  items: [{ key: {{ .key }}, path: {{ .key }} }]
{{- end }}
{{- end }}
{{- end }}
