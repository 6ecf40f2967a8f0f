{{- define "pinrelay.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 63 | trimSuffix "-" }}
{{- end }}

{{/* At most 52 characters: a StatefulSet's pods carry the name and their ordinal, and a hash, in labels of 63. */}}
{{- define "pinrelay.fullname" -}}
{{- if .Values.fullnameOverride }}
{{- .Values.fullnameOverride | trunc 52 | trimSuffix "-" }}
{{- else }}
{{- $name := include "pinrelay.name" . }}
{{- if contains $name .Release.Name }}
{{- .Release.Name | trunc 52 | trimSuffix "-" }}
{{- else }}
{{- printf "%s-%s" .Release.Name $name | trunc 52 | trimSuffix "-" }}
{{- end }}
{{- end }}
{{- end }}

{{- define "pinrelay.selectorLabels" -}}
app.kubernetes.io/name: {{ include "pinrelay.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "pinrelay.labels" -}}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" | trunc 63 | trimSuffix "-" }}
{{ include "pinrelay.selectorLabels" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{- with .Values.commonLabels }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{/* Name, labels and annotations. Takes a list: the context, what the name ends with, and annotations of its own.
Ends with the labels, so that a template may add some. */}}
{{- define "pinrelay.metadata" -}}
{{- $root := index . 0 -}}
name: {{ include "pinrelay.fullname" $root }}{{ index . 1 }}
namespace: {{ $root.Release.Namespace }}
{{- with merge (dict) (index . 2) $root.Values.commonAnnotations }}
annotations:
  {{- toYaml . | nindent 2 }}
{{- end }}
labels:
  {{- include "pinrelay.labels" $root | nindent 2 }}
{{- end }}

{{- define "pinrelay.serviceAccountName" -}}
{{- if .Values.serviceAccount.create }}
{{- default (include "pinrelay.fullname" .) .Values.serviceAccount.name }}
{{- else }}
{{- default "default" .Values.serviceAccount.name }}
{{- end }}
{{- end }}

{{- define "pinrelay.image" -}}
{{- if .Values.image.digest -}}
{{ .Values.image.repository }}@{{ .Values.image.digest }}
{{- else -}}
{{ .Values.image.repository }}:{{ default .Chart.AppVersion .Values.image.tag }}
{{- end }}
{{- end }}

{{/* An expression of Prometheus about this release alone: every metric in it selects the release's pods by the labels that
the operator gives to what it scrapes. Takes a list: the context, and the expression. */}}
{{- define "pinrelay.ofRelease" -}}
{{- $root := index . 0 }}
{{- $pods := printf "namespace=%q,pod=~\"%s-[0-9]+\"" $root.Release.Namespace (include "pinrelay.fullname" $root) }}
{{- $selected := regexReplaceAll "\\b((?:pinrelay|kube_pod)_[a-z_]+)" (index . 1) (printf "${1}{%s}" $pods) }}
{{- $selected | replace "}{" "," }}
{{- end }}

{{/* A duration of the configuration file, in milliseconds. */}}
{{- define "pinrelay.millis" -}}
{{- $text := toString . -}}
{{- if not (regexMatch "^[0-9]+(ms|s|m|h|d)$" $text) }}
{{- fail (printf "%s is no duration: write a whole number with ms, s, m, h or d" $text) }}
{{- end }}
{{- $units := dict "ms" 1 "s" 1000 "m" 60000 "h" 3600000 "d" 86400000 -}}
{{- mul (regexFind "^[0-9]+" $text | int64) (get $units (regexFind "[a-z]+$" $text)) }}
{{- end }}

{{/* Whole numbers come out of values as floats, and large ones would be written as 5e+06. Changes the map given. */}}
{{- define "pinrelay.integers" -}}
{{- $map := . }}
{{- range $key, $value := $map }}
{{- if and (kindIs "float64" $value) (eq $value (floor $value)) }}
{{- $_ := set $map $key (int64 $value) }}
{{- else if kindIs "map" $value }}
{{- include "pinrelay.integers" $value }}
{{- else if kindIs "slice" $value }}
{{- range $value }}{{ if kindIs "map" . }}{{ include "pinrelay.integers" . }}{{ end }}{{ end }}
{{- end }}
{{- end }}
{{- end }}

{{/* Everything that is checked across values. */}}
{{- define "pinrelay.check" -}}
{{- $settings := .Values.kafka.settings }}
{{- $drain := include "pinrelay.millis" (default "15s" $settings.drain_deadline) | int64 }}
{{- $transaction := include "pinrelay.millis" (default "15s" $settings.transaction_timeout) | int64 }}
{{- if le (mul 1000 .Values.terminationGracePeriodSeconds | int64) (add $drain $transaction | int64) }}
{{- fail (printf "terminationGracePeriodSeconds (%v s) must be longer than drain_deadline + transaction_timeout (%v ms): SIGKILL would come into the last transaction" .Values.terminationGracePeriodSeconds (add $drain $transaction)) }}
{{- end }}
{{- $extra := .Values.extraConfig }}
{{- range $section, $value := dict "admin" "admin.port" "feeds" "feeds" "lanes" "lanes" }}
{{- if hasKey $extra $section }}{{ fail (printf "extraConfig.%s: the chart makes this section of %s" $section $value) }}{{ end }}
{{- end }}
{{- $owned := dict "bootstrap" "kafka.bootstrap" "group_id" "kafka.groupId" "on_stop" "kafka.onStop" "properties" "kafka.properties" "termination_grace" "terminationGracePeriodSeconds" "instance_id" "the pod's name" }}
{{- range list "session_timeout" "transaction_timeout" "drain_deadline" "max_poll_interval" }}
{{- $_ := set $owned . (printf "kafka.settings.%s" .) }}
{{- end }}
{{- range $key, $value := $owned }}
{{- if hasKey (default dict $extra.kafka) $key }}
{{- fail (printf "extraConfig.kafka.%s: the chart makes this key of %s, and checks it there" $key $value) }}
{{- end }}
{{- end }}
{{- $most := .Values.inputPartitions | int64 }}
{{- if and $most (gt (.Values.replicaCount | int64) $most) (not .Values.keda.enabled) }}
{{- fail (printf "replicaCount (%v) must be at most inputPartitions (%v): a process without a partition has no work and is never ready" .Values.replicaCount $most) }}
{{- end }}
{{- if .Values.keda.enabled }}
{{- if not $most }}{{ fail "keda.enabled needs inputPartitions: it bounds the number of processes" }}{{ end }}
{{- if not .Values.keda.serverAddress }}{{ fail "keda.enabled needs keda.serverAddress" }}{{ end }}
{{- if gt (.Values.keda.maxReplicas | int64) $most }}
{{- fail (printf "keda.maxReplicas (%v) must be at most inputPartitions (%v)" .Values.keda.maxReplicas $most) }}
{{- end }}
{{- end }}
{{- if and .Values.podMonitor.enabled .Values.serviceMonitor.enabled }}
{{- fail "podMonitor and serviceMonitor would scrape everything twice: enable one of them" }}
{{- end }}
{{- if include "pinrelay.serviceAccountToken" . }}
{{- if .Values.kafka.sasl.secretName }}{{ fail "kafka.sasl.secretName and kafka.sasl.serviceAccountToken exclude each other" }}{{ end }}
{{- if and .Values.topics.apply .Values.serviceAccount.create }}
{{- fail "kafka.sasl.serviceAccountToken needs a service account that exists before the hook that makes topics: name one and set serviceAccount.create to false, or set topics.apply to false" }}
{{- end }}
{{- end }}
{{- if and .Values.schemas.files .Values.schemas.existingConfigMap }}
{{- fail "schemas.files and schemas.existingConfigMap exclude each other" }}
{{- end }}
{{- end }}
