{{/*
What the pod is made of beside its image: the configuration file, and the folders that it names. Secrets and schemas are
mounted as folders, never as single files (`subPath`): such a mount is never updated.
*/}}

{{- define "pinrelay.folder.config" -}}/etc/pinrelay/config{{- end }}
{{- define "pinrelay.folder.schemas" -}}/etc/pinrelay/schemas{{- end }}
{{- define "pinrelay.folder.secrets" -}}/etc/pinrelay/secrets{{- end }}

{{/* The audience of the service account's token that the brokers are shown; empty without one. */}}
{{- define "pinrelay.serviceAccountToken" -}}
{{- with .Values.kafka.sasl }}{{ if eq .mechanism "OAUTHBEARER" }}{{ .serviceAccountToken.audience }}{{ end }}{{ end }}
{{- end }}

{{/* Secrets of the release: folder under /etc/pinrelay/secrets -> name of the Secret, as YAML. */}}
{{- define "pinrelay.secrets" -}}
{{- $secrets := dict }}
{{- $kafka := .Values.kafka }}
{{- if $kafka.tls.enabled }}
{{- with $kafka.tls.ca.secretName }}{{ $_ := set $secrets "kafka-ca" . }}{{ end }}
{{- with $kafka.tls.client.secretName }}{{ $_ := set $secrets "kafka-client" . }}{{ end }}
{{- end }}
{{- if and $kafka.sasl.mechanism (not (include "pinrelay.serviceAccountToken" .)) }}
{{- $_ := set $secrets "kafka-sasl" (required "kafka.sasl.secretName is needed with kafka.sasl.mechanism" $kafka.sasl.secretName) }}
{{- end }}
{{- if .Values.registry.auth.type }}
{{- $_ := set $secrets "registry" (required "registry.auth.secretName is needed with registry.auth.type" .Values.registry.auth.secretName) }}
{{- end }}
{{- range .Values.lanes }}
{{- $_ := set $secrets (printf "lane-%s" .name) .tokenSecret.secretName }}
{{- end }}
{{- toYaml $secrets }}
{{- end }}

{{- define "pinrelay.secretFile" -}}
{{ include "pinrelay.folder.secrets" . }}/{{ index . 0 }}/{{ index . 1 }}
{{- end }}

{{- define "pinrelay.schemaPath" -}}
{{- if hasPrefix "/" . }}{{ . }}{{ else }}{{ include "pinrelay.folder.schemas" . }}/{{ . }}{{ end }}
{{- end }}

{{/* Properties of librdkafka, as YAML. */}}
{{- define "pinrelay.kafkaProperties" -}}
{{- $kafka := .Values.kafka }}
{{- $properties := dict }}
{{- if $kafka.tls.enabled }}
{{- $_ := set $properties "security.protocol" (ternary "SASL_SSL" "SSL" (ne $kafka.sasl.mechanism "")) }}
{{- if $kafka.tls.ca.secretName }}
{{- $_ := set $properties "ssl.ca.location" (include "pinrelay.secretFile" (list "kafka-ca" $kafka.tls.ca.key)) }}
{{- end }}
{{- with $kafka.tls.client }}
{{- if .secretName }}
{{- $_ := set $properties "ssl.certificate.location" (include "pinrelay.secretFile" (list "kafka-client" .certificateKey)) }}
{{- $_ := set $properties "ssl.key.location" (include "pinrelay.secretFile" (list "kafka-client" .privateKey)) }}
{{- if .passwordKey }}
{{- $_ := set $properties "ssl.key.password" (dict "file" (include "pinrelay.secretFile" (list "kafka-client" .passwordKey))) }}
{{- end }}
{{- end }}
{{- end }}
{{- else if $kafka.sasl.mechanism }}
{{- $_ := set $properties "security.protocol" "SASL_PLAINTEXT" }}
{{- end }}
{{- with $kafka.sasl }}
{{- if .mechanism }}
{{- $_ := set $properties "sasl.mechanisms" .mechanism }}
{{- if ne .mechanism "OAUTHBEARER" }}
{{- $_ := set $properties "sasl.username" (dict "file" (include "pinrelay.secretFile" (list "kafka-sasl" .usernameKey))) }}
{{- $_ := set $properties "sasl.password" (dict "file" (include "pinrelay.secretFile" (list "kafka-sasl" .passwordKey))) }}
{{- end }}
{{- end }}
{{- end }}
{{- toYaml (merge (deepCopy $kafka.properties) $properties) }}
{{- end }}

{{/* The configuration file. */}}
{{- define "pinrelay.config" -}}
{{- $values := deepCopy .Values }}
{{- include "pinrelay.integers" $values }}
{{- $groupId := default (printf "%s.%s" .Release.Namespace (include "pinrelay.fullname" .)) $values.kafka.groupId }}
{{- $kafka := dict "bootstrap" $values.kafka.bootstrap "group_id" $groupId "instance_id" (dict "env" "PINRELAY_INSTANCE") }}
{{- $_ := set $kafka "termination_grace" (printf "%ds" (int64 $values.terminationGracePeriodSeconds)) }}
{{- /* KEDA takes processes away for good; whoever restarts one of a fixed number wants its partitions where they were. */}}
{{- $_ := set $kafka "on_stop" (default (ternary "leave" "stay" $values.keda.enabled) $values.kafka.onStop) }}
{{- $properties := include "pinrelay.kafkaProperties" (dict "Values" $values) | fromYaml }}
{{- if $properties }}{{ $_ := set $kafka "properties" $properties }}{{ end }}
{{- if eq $values.kafka.sasl.mechanism "OAUTHBEARER" }}
{{- $key := ternary "token" $values.kafka.sasl.tokenKey (ne (include "pinrelay.serviceAccountToken" (dict "Values" $values)) "") }}
{{- $_ := set $kafka "oauth_token" (dict "file" (include "pinrelay.secretFile" (list "kafka-sasl" $key))) }}
{{- end }}
{{- $kafka = merge (deepCopy $values.kafka.settings) $kafka }}
{{- $config := dict "kafka" $kafka "audit" $values.audit "admin" (dict "listen" (printf "[::]:%d" (int64 $values.admin.port))) }}
{{- /* The processes divide the budget of calls. KEDA's number varies: too few calls for a while are better than 429. */}}
{{- $processes := ternary (default $values.inputPartitions $values.keda.maxReplicas) $values.replicaCount $values.keda.enabled }}
{{- $_ := set $config "pipeline" (merge $values.pipeline (dict "processes" (max 1 $processes | int64))) }}
{{- with $values.telemetry }}{{ $_ := set $config "telemetry" . }}{{ end }}
{{- with $values.registry }}
{{- if .url }}
{{- $registry := dict "url" .url }}
{{- if .auth.type }}
{{- $secret := dict "file" (include "pinrelay.secretFile" (list "registry" .auth.key)) }}
{{- if eq .auth.type "basic" }}
{{- $_ := set $registry "auth" (dict "basic" (dict "user" .auth.user "password" $secret)) }}
{{- else }}
{{- $_ := set $registry "auth" (dict "bearer" $secret) }}
{{- end }}
{{- end }}
{{- $_ := set $config "registry" $registry }}
{{- end }}
{{- end }}
{{- $lanes := list }}
{{- range $values.lanes }}
{{- $token := dict "file" (include "pinrelay.secretFile" (list (printf "lane-%s" .name) .tokenSecret.key)) }}
{{- $lanes = append $lanes (set (omit . "tokenSecret") "token" $token) }}
{{- end }}
{{- $_ := set $config "lanes" $lanes }}
{{- $feeds := list }}
{{- range $feed := $values.feeds }}
{{- $_ := set $feed "schema" (include "pinrelay.schemaPath" $feed.schema) }}
{{- range $key := list "references" "writer_schemas" }}
{{- if hasKey $feed $key }}
{{- $paths := list }}
{{- range get $feed $key }}{{ $paths = append $paths (include "pinrelay.schemaPath" .) }}{{ end }}
{{- $_ := set $feed $key $paths }}
{{- end }}
{{- end }}
{{- $feeds = append $feeds $feed }}
{{- end }}
{{- $_ := set $config "feeds" $feeds }}
{{- toYaml (merge (deepCopy $values.extraConfig) $config) }}
{{- end }}

{{/* Data of the ConfigMap with the configuration. */}}
{{- define "pinrelay.configData" -}}
pinrelay.yaml: |
  {{- include "pinrelay.config" . | nindent 2 }}
{{- end }}

{{- define "pinrelay.schemasConfigMap" -}}
{{- if .Values.schemas.existingConfigMap }}{{ .Values.schemas.existingConfigMap }}
{{- else if .Values.schemas.files }}{{ include "pinrelay.fullname" . }}-schemas
{{- end }}
{{- end }}

{{/* Takes a list: the context, and what the names of the release's own ConfigMaps end with. */}}
{{- define "pinrelay.volumes" -}}
{{- $root := index . 0 }}{{ $suffix := index . 1 -}}
- name: config
  configMap:
    name: {{ include "pinrelay.fullname" $root }}{{ $suffix }}
{{- with include "pinrelay.schemasConfigMap" $root }}
- name: schemas
  configMap:
    name: {{ . }}{{ ternary "" $suffix (ne $root.Values.schemas.existingConfigMap "") }}
{{- end }}
{{- range $folder, $secret := include "pinrelay.secrets" $root | fromYaml }}
- name: {{ include "pinrelay.volumeName" $folder }}
  secret:
    secretName: {{ $secret }}
    # Read by the group of the pod's fsGroup, and by nobody else.
    defaultMode: 0440
{{- end }}
{{- with include "pinrelay.serviceAccountToken" $root }}
- name: secret-kafka-sasl
  projected:
    defaultMode: 0440
    sources:
      - serviceAccountToken:
          audience: {{ . | quote }}
          expirationSeconds: {{ int64 $root.Values.kafka.sasl.serviceAccountToken.expirationSeconds }}
          path: token
{{- end }}
{{- with $root.Values.extraVolumes }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{/* Names of lanes may hold dots, underscores and capitals; names of volumes may not. */}}
{{- define "pinrelay.volumeName" -}}
{{- if regexMatch "^[a-z0-9]([-a-z0-9]*[a-z0-9])?$" . }}{{ printf "secret-%s" . | trunc 63 | trimSuffix "-" }}
{{- else }}secret-{{ . | sha256sum | trunc 16 }}
{{- end }}
{{- end }}

{{- define "pinrelay.volumeMounts" -}}
- name: config
  mountPath: {{ include "pinrelay.folder.config" . }}
  readOnly: true
{{- if include "pinrelay.schemasConfigMap" . }}
- name: schemas
  mountPath: {{ include "pinrelay.folder.schemas" . }}
  readOnly: true
{{- end }}
{{- range $folder, $secret := include "pinrelay.secrets" . | fromYaml }}
- name: {{ include "pinrelay.volumeName" $folder }}
  mountPath: {{ include "pinrelay.folder.secrets" . }}/{{ $folder }}
  readOnly: true
{{- end }}
{{- if include "pinrelay.serviceAccountToken" . }}
- name: secret-kafka-sasl
  mountPath: {{ include "pinrelay.folder.secrets" . }}/kafka-sasl
  readOnly: true
{{- end }}
{{- with .Values.extraVolumeMounts }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{/* The process's identity: namespace, release and ordinal, so that no other process has it whatever group it is in. */}}
{{- define "pinrelay.env" -}}
- name: POD_NAME
  valueFrom:
    fieldRef:
      fieldPath: metadata.name
- name: POD_NAMESPACE
  valueFrom:
    fieldRef:
      fieldPath: metadata.namespace
- name: PINRELAY_INSTANCE
  value: $(POD_NAMESPACE).$(POD_NAME)
- name: PINRELAY_LOG
  value: {{ .Values.log.filter | quote }}
{{- with .Values.extraEnv }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{/* Where pods run, for the StatefulSet and the Job alike. */}}
{{- define "pinrelay.placement" -}}
{{- with .Values.imagePullSecrets }}
imagePullSecrets:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.priorityClassName }}
priorityClassName: {{ . }}
{{- end }}
{{- with .Values.runtimeClassName }}
runtimeClassName: {{ . }}
{{- end }}
{{- with .Values.dnsPolicy }}
dnsPolicy: {{ . }}
{{- end }}
{{- with .Values.dnsConfig }}
dnsConfig:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.hostAliases }}
hostAliases:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.nodeSelector }}
nodeSelector:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.affinity }}
affinity:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.tolerations }}
tolerations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}
