{{- /* A plain manifest in the words of this release: text in, text out. Each word first becomes a
mark, which no value can have in it, so that nothing is replaced in what replaced something. Whatever
is a value is quoted: a namespace may be named 123. */ -}}
{{- define "pipeops-agent.own" -}}
{{- $values := .root.Values }}
{{- $words := list
  (list "namespace: pipeops-system" (printf "namespace: %s" (toJson .root.Release.Namespace)))
  (list "managed-by: kubectl" (printf "managed-by: %s" .root.Release.Service))
  (list "instance: pipeops-agent" (printf "instance: %s" (toJson .root.Release.Name)))
  (list "8080" (toString $values.port))
  (list "metadata.name: monitoring}" (printf "metadata.name: %s}" (toJson $values.monitoring.namespace)))
  (list "name: pipeops-agent-secret" (printf "name: %s" (toJson $values.secretName)))
  (list "\"pipeops-agent-tls\"" (toJson $values.tls.secretName))
  (list "\"pipeops-agent-api-tokens\"" (toJson $values.apiTokens.secretName)) }}
{{- $text := .text }}
{{- range $at, $word := $words }}{{ $text = replace (first $word) (printf "\x00%d\x00" $at) $text }}{{ end }}
{{- range $at, $word := $words }}{{ $text = replace (printf "\x00%d\x00" $at) (last $word) $text }}{{ end }}
{{- $text }}
{{- end }}

{{- /* A patch of a component: whatever is in its list goes to the end of one in the object; prints nothing. */ -}}
{{- define "pipeops-agent.patch" -}}
{{- $patch := .root.Files.Get (printf "manifests/%s.json" .file) }}
{{- range include "pipeops-agent.own" (dict "text" $patch "root" .root) | fromJsonArray }}
  {{- $holder := $.object }}
  {{- range splitList "/" (trimAll "/" (dir (dir .path))) }}
    {{- if eq . "0" }}{{ $holder = first $holder }}{{ else }}{{ $holder = get $holder . }}{{ end }}
  {{- end }}
  {{- $list := base (dir .path) }}
  {{- $_ := set $holder $list (append (get $holder $list) .value) }}
{{- end }}
{{- end }}

{{- /* Of what is in no plain manifest; labels come last. */ -}}
{{- define "pipeops-agent.place" -}}
namespace: {{ .Release.Namespace | quote }}
labels:
  app.kubernetes.io/name: pipeops-agent
  app.kubernetes.io/instance: {{ .Release.Name | quote }}
  app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
  app.kubernetes.io/component: agent
  app.kubernetes.io/part-of: pipeops
  app.kubernetes.io/managed-by: {{ .Release.Service }}
{{- end }}

{{- /* What a Prometheus that goes by annotations looks for. */ -}}
{{- define "pipeops-agent.scrape" -}}
prometheus.io/scrape: "true"
prometheus.io/path: /metrics
prometheus.io/port: {{ .Values.port | quote }}
{{- end }}

{{- /* Changes the pod as values say; prints nothing. */ -}}
{{- define "pipeops-agent.pod" -}}
{{- $values := .root.Values }}
{{- $container := first .pod.containers }}
{{- $version := printf ":%s" (default .root.Chart.AppVersion $values.image.tag) }}
{{- with $values.image.digest }}{{ $version = printf "@%s" . }}{{ end }}
{{- $_ := set $container "image" (print $values.image.repository $version) }}
{{- $_ := set $container "imagePullPolicy" $values.image.pullPolicy }}
{{- with $values.image.pullSecrets }}{{ $_ := set $.pod "imagePullSecrets" . }}{{ end }}
{{- with $values.resources }}{{ $_ := set $container "resources" . }}{{ end }}
{{- with $values.nodeSelector }}{{ $_ := set $.pod "nodeSelector" . }}{{ end }}
{{- with $values.tolerations }}{{ $_ := set $.pod "tolerations" (concat $.pod.tolerations .) }}{{ end }}
{{- $env := list }}
{{- range $container.env }}
  {{- if not (hasKey $values.env .name) }}{{ $env = append $env . }}{{ end }}
{{- end }}
{{- if and $values.monitoring.annotations (not (hasKey $values.env "PIPEOPS_METRICS_OPEN")) }}
  {{- $env = append $env (dict "name" "PIPEOPS_METRICS_OPEN" "value" "true") }}
{{- end }}
{{- range $name, $value := $values.env }}
  {{- /* Numbers are floats in a file of values: toString would make 1.6777216e+07 of 16777216. */}}
  {{- $text := kindIs "string" $value | ternary $value (toJson $value) }}
  {{- $env = append $env (dict "name" $name "value" $text) }}
{{- end }}
{{- $_ := set $container "env" $env }}
{{- if $values.persistence.enabled }}
  {{- range .pod.volumes }}
    {{- if eq .name "state" }}
      {{- $_ := unset . "emptyDir" }}
      {{- $_ := set . "persistentVolumeClaim" (dict "claimName" "pipeops-agent-state") }}
    {{- end }}
  {{- end }}
{{- end }}
{{- end }}
