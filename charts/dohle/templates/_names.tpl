{{- define "dohle.fullname" -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 63 | trimSuffix "-" -}}
{{- else -}}
{{- $name := default .Chart.Name .Values.nameOverride -}}
{{- $prefix := ternary .Release.Name (printf "%s-%s" .Release.Name $name) (contains $name .Release.Name) -}}
{{- printf "%s-operator" ($prefix | trunc 54 | trimSuffix "-") -}}
{{- end -}}
{{- end -}}

{{- define "dohle.serviceAccount" -}}
{{- .Values.serviceAccount.name | default (ternary (include "dohle.fullname" .) "default" .Values.serviceAccount.create) -}}
{{- end -}}

{{- define "dohle.selector" -}}
app.kubernetes.io/name: dohle-operator
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- define "dohle.labels" -}}
{{ include "dohle.selector" . }}
app.kubernetes.io/component: operator
app.kubernetes.io/part-of: dohle
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{- end -}}

{{/* The namespace that is watched; "" is all of them. */}}
{{- define "dohle.watched" -}}
{{- if .Values.watch.namespaced -}}{{ .Values.watch.namespace | default .Release.Namespace }}{{- end -}}
{{- end -}}

{{/* "yes" if the operator may get Nodes. Values of an older chart that are reused don't say. */}}
{{- define "dohle.readNodes" -}}
{{- $wanted := ternary "auto" (toString .Values.rbac.readNodes) (kindIs "invalid" .Values.rbac.readNodes) -}}
{{- if or (eq $wanted "true") (and (eq $wanted "auto") (not .Values.watch.namespaced)) -}}yes{{- end -}}
{{- end -}}

{{/* "yes" if a part of monitoring is wanted here: (list . "serviceMonitor") */}}
{{- define "dohle.monitors" -}}
{{- $root := index . 0 -}}
{{- $enabled := toString (index $root.Values.monitoring (index . 1)).enabled -}}
{{- if or (eq $enabled "true") (and (eq $enabled "auto") ($root.Capabilities.APIVersions.Has "monitoring.coreos.com/v1")) -}}yes{{- end -}}
{{- end -}}

{{- define "dohle.containerSecurity" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities: {drop: [ALL]}
{{- end -}}

{{- define "dohle.podSecurity" -}}
runAsNonRoot: true
runAsUser: 65532
runAsGroup: 65532
seccompProfile: {type: RuntimeDefault}
{{- end -}}
