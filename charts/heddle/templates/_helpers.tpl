{{- define "heddle.labels" -}}
app.kubernetes.io/name: heddle
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{- end }}

{{- define "heddle.selector" -}}
app.kubernetes.io/name: heddle
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "heddle.cniSelector" -}}
app.kubernetes.io/name: heddle-cni
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- /* The way of the agent into Pods: by the version of Kubernetes where the value is Auto. */ -}}
{{- define "heddle.agentFrom" -}}
{{- if ne .Values.injector.agentFrom "Auto" -}}{{ .Values.injector.agentFrom }}
{{- else if semverCompare ">=1.35.0-0" .Capabilities.KubeVersion.Version -}}ImageVolume
{{- else -}}Copy
{{- end -}}
{{- end }}

{{- define "heddle.rootsFrom" -}}
{{- if ne .Values.injector.rootsFrom "Auto" -}}{{ .Values.injector.rootsFrom }}
{{- else if semverCompare ">=1.37.0-0" .Capabilities.KubeVersion.Version -}}ClusterTrustBundle
{{- else -}}ConfigMap
{{- end -}}
{{- end }}

{{- define "heddle.image" -}}
{{ .Values.image.repository }}:{{ .Values.image.tag | default .Chart.AppVersion }}
{{- end }}
