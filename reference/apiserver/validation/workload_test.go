package validation_test

import (
	"strings"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"

	"github.com/etalon-dev/etalon/reference/apiserver/validation"
)

const workload = `
metadata: {name: web, namespace: default}
spec:
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec: {containers: [{name: web, image: etalon.dev/tool:v1}]}
`

const mismatch = "spec.template.metadata.labels: Invalid value: {\"app\":\"other\"}: `selector` does not match template `labels`"

func TestDeployment(t *testing.T) {
	rolling := func(unavailable, surge intstr.IntOrString) func(*appsv1.Deployment) {
		return func(d *appsv1.Deployment) {
			d.Spec.Strategy.RollingUpdate.MaxUnavailable, d.Spec.Strategy.RollingUpdate.MaxSurge = &unavailable, &surge
		}
	}
	table(t, workload, validation.Deployment, []row[appsv1.Deployment]{
		{"no selector", func(d *appsv1.Deployment) { d.Spec.Selector = nil },
			"[spec.selector: Required value, spec.template.metadata.labels: Invalid value: {\"app\":\"web\"}: `selector` does not match template `labels`]"},
		{"disk", func(d *appsv1.Deployment) {
			d.Spec.Replicas = ptr[int32](2)
			d.Spec.Template.Spec.Volumes = []corev1.Volume{{Name: "a", VolumeSource: corev1.VolumeSource{GCEPersistentDisk: &corev1.GCEPersistentDiskVolumeSource{PDName: "d"}}}}
		}, `spec.template.spec.volumes[0].gcePersistentDisk.readOnly: Invalid value: false: must be true for replicated pods > 1; GCE PD can only be mounted on multiple machines if it is read-only`},
		{"empty selector", func(d *appsv1.Deployment) { d.Spec.Selector = &metav1.LabelSelector{} },
			`spec.selector: Invalid value: {}: empty selector is invalid for deployment`},
		{"mismatch", func(d *appsv1.Deployment) { d.Spec.Template.Labels["app"] = "other" }, mismatch},
		{"replicas", func(d *appsv1.Deployment) { d.Spec.Replicas = ptr[int32](-1) },
			`spec.replicas: Invalid value: -1: must be greater than or equal to 0`},
		{"selector values", func(d *appsv1.Deployment) {
			d.Spec.Selector.MatchExpressions = []metav1.LabelSelectorRequirement{{Key: "app", Operator: "Exists", Values: []string{"x"}}}
		}, "[spec.selector.matchExpressions[0].values: Forbidden: may not be specified when `operator` is 'Exists' or 'DoesNotExist', spec.selector: Invalid value:…"},
		{"image", func(d *appsv1.Deployment) { d.Spec.Template.Spec.Containers[0].Image = "" }, `spec.template.spec.containers[0].image: Required value`},
		{"restart policy", func(d *appsv1.Deployment) { d.Spec.Template.Spec.RestartPolicy = "Never" },
			`spec.template.spec.restartPolicy: Unsupported value: "Never": supported values: "Always"`},
		{"deadline", func(d *appsv1.Deployment) { d.Spec.Template.Spec.ActiveDeadlineSeconds = ptr[int64](1) },
			`spec.template.spec.activeDeadlineSeconds: Forbidden: activeDeadlineSeconds in ReplicaSet is not Supported`},
		{"both zero", rolling(intstr.FromInt32(0), intstr.FromString("0%")),
			"spec.strategy.rollingUpdate.maxUnavailable: Invalid value: 0: may not be 0 when `maxSurge` is 0"},
		{"percentage", rolling(intstr.FromString("101%"), intstr.FromInt32(1)),
			`spec.strategy.rollingUpdate.maxUnavailable: Invalid value: "101%": must not be greater than 100%`},
		{"no percentage", rolling(intstr.FromString("many"), intstr.FromInt32(1)),
			`spec.strategy.rollingUpdate.maxUnavailable: Invalid value: "many": a valid percent string must be a numeric string followed by an ending '%' (e.g. '1%',  or '93%', regex used for validation is '[0-9]+%')`},
		{"recreate", func(d *appsv1.Deployment) { d.Spec.Strategy.Type = "Recreate" },
			"spec.strategy.rollingUpdate: Forbidden: may not be specified when strategy `type` is 'Recreate'"},
		{"deadline too short", func(d *appsv1.Deployment) { d.Spec.MinReadySeconds = 600 },
			`spec.progressDeadlineSeconds: Invalid value: 600: must be greater than minReadySeconds`},
	})
	updates(t, workload, validation.DeploymentUpdate, []row[appsv1.Deployment]{
		{"selector", func(d *appsv1.Deployment) {
			d.Spec.Selector.MatchLabels["tier"], d.Spec.Template.Labels["tier"] = "a", "a"
		}, `spec.selector: Invalid value: {"matchLabels":{"app":"web","tier":"a"}}: field is immutable`},
		{"replicas", func(d *appsv1.Deployment) { d.Spec.Replicas = ptr[int32](0) }, ``},
	})
	updates(t, workload, validation.DeploymentStatusUpdate, []row[appsv1.Deployment]{
		{"available", func(d *appsv1.Deployment) { d.Status.AvailableReplicas = 1 },
			`[status.availableReplicas: Invalid value: 1: cannot be greater than status.replicas, status.availableReplicas: Invalid value: 1: cannot be greater than readyReplicas]`},
		{"terminating", func(d *appsv1.Deployment) { d.Status.TerminatingReplicas = ptr[int32](-1) },
			`status.terminatingReplicas: Invalid value: -1: must be greater than or equal to 0`},
	})
	collided := strings.Replace(workload, "spec:", "status: {collisionCount: 2}\nspec:", 1)
	updates(t, collided, validation.DeploymentStatusUpdate, []row[appsv1.Deployment]{
		{"fewer collisions", func(d *appsv1.Deployment) { d.Status.CollisionCount = ptr[int32](1) }, `status.collisionCount: Invalid value: 1: cannot be decremented`},
		{"no collisions", func(d *appsv1.Deployment) { d.Status.CollisionCount = nil }, `status.collisionCount: Invalid value: 0: cannot be decremented`},
	})
}

func TestReplicaSet(t *testing.T) {
	table(t, workload, validation.ReplicaSet, []row[appsv1.ReplicaSet]{
		{"mismatch", func(r *appsv1.ReplicaSet) { r.Spec.Template.Labels["app"] = "other" }, mismatch},
	})
	updates(t, workload, validation.ReplicaSetStatusUpdate, []row[appsv1.ReplicaSet]{
		{"ready", func(r *appsv1.ReplicaSet) { r.Status.ReadyReplicas = 1 }, `status.readyReplicas: Invalid value: 1: cannot be greater than status.replicas`},
		{"available", func(r *appsv1.ReplicaSet) { r.Status.Replicas, r.Status.AvailableReplicas = 1, 1 },
			`status.availableReplicas: Invalid value: 1: cannot be greater than readyReplicas`},
	})
	table(t, `
metadata: {name: web, namespace: default}
spec:
  template:
    metadata: {labels: {app: web}}
    spec: {containers: [{name: web, image: etalon.dev/tool:v1}]}
`, validation.ReplicationController, []row[corev1.ReplicationController]{
		{"no selector", func(r *corev1.ReplicationController) { r.Spec.Selector = nil }, `spec.selector: Required value`},
		{"no template", func(r *corev1.ReplicationController) { r.Spec.Template = nil }, `spec.template: Required value`},
		{"mismatch", func(r *corev1.ReplicationController) { r.Spec.Template.Labels["app"] = "other" }, mismatch},
	})
}

func TestStatefulSet(t *testing.T) {
	mounts := []corev1.VolumeMount{{Name: "data", MountPath: "/data"}}
	claim := corev1.PersistentVolumeClaim{ObjectMeta: metav1.ObjectMeta{Name: "data"}, Spec: corev1.PersistentVolumeClaimSpec{
		AccessModes: []corev1.PersistentVolumeAccessMode{corev1.ReadWriteOnce},
		Resources:   corev1.VolumeResourceRequirements{Requests: corev1.ResourceList{corev1.ResourceStorage: resource.MustParse("1Gi")}},
	}}
	table(t, workload, validation.StatefulSet, []row[appsv1.StatefulSet]{
		{"name", func(s *appsv1.StatefulSet) { s.Name = "a.b" }, `metadata.name: Invalid value: "a.b": must not contain dots`},
		{"policy", func(s *appsv1.StatefulSet) { s.Spec.PodManagementPolicy = "Random" },
			`spec.podManagementPolicy: Invalid value: "Random": must be 'OrderedReady' or 'Parallel'`},
		{"mismatch", func(s *appsv1.StatefulSet) { s.Spec.Template.Labels["app"] = "other" }, mismatch},
		{"partition", func(s *appsv1.StatefulSet) { s.Spec.UpdateStrategy.RollingUpdate.Partition = ptr[int32](-1) },
			`spec.updateStrategy.rollingUpdate.partition: Invalid value: -1: must be greater than or equal to 0`},
		{"gated strategy", func(s *appsv1.StatefulSet) {
			s.Spec.UpdateStrategy = appsv1.StatefulSetUpdateStrategy{Type: "Recreate"}
		},
			`spec.updateStrategy: Invalid value: {"type":"Recreate"}: must be 'RollingUpdate' or 'OnDelete'`},
		{"image", func(s *appsv1.StatefulSet) { s.Spec.Template.Spec.Containers[0].Image = "" }, `spec.template.spec.containers[0].image: Required value`},
		{"mount", func(s *appsv1.StatefulSet) { s.Spec.Template.Spec.Containers[0].VolumeMounts = mounts }, `spec.template.spec.containers[0].volumeMounts[0].name: Not found: "data"`},
		{"mount of a claim", func(s *appsv1.StatefulSet) {
			s.Spec.Template.Spec.Containers[0].VolumeMounts, s.Spec.VolumeClaimTemplates = mounts, []corev1.PersistentVolumeClaim{claim}
		}, ``},
		{"claim", func(s *appsv1.StatefulSet) {
			s.Spec.VolumeClaimTemplates = []corev1.PersistentVolumeClaim{{ObjectMeta: claim.ObjectMeta}}
		},
			`[spec.volumeClaimTemplates[0].spec.accessModes: Required value: at least 1 access mode is required, spec.volumeClaimTemplates[0].spec.resources[storage]: Required value]`},
		{"service", func(s *appsv1.StatefulSet) { s.Spec.ServiceName = "a.b" }, `spec.serviceName: Invalid value: "a.b": must not contain dots`},
		{"retention", func(s *appsv1.StatefulSet) { s.Spec.PersistentVolumeClaimRetentionPolicy.WhenScaled = "Keep" },
			`spec.persistentVolumeClaimRetentionPolicy.whenScaled: Unsupported value: "Keep": supported values: "Retain", "Delete"`},
		{"all revisions", func(s *appsv1.StatefulSet) { s.Spec.RevisionHistoryLimit = ptr[int32](-1) }, ``},
		{"ordinals", func(s *appsv1.StatefulSet) { s.Spec.Ordinals = &appsv1.StatefulSetOrdinals{Start: -1} },
			`spec.ordinals.start: Invalid value: -1: must be greater than or equal to 0`},
	})
	updates(t, strings.Replace(workload, "name: web, image: etalon.dev/tool:v1", "name: web", 1), validation.StatefulSetUpdate, []row[appsv1.StatefulSet]{
		{"of one from before templates were checked", func(s *appsv1.StatefulSet) { s.Spec.Replicas = ptr[int32](2) }, ``},
	})
	updates(t, workload, validation.StatefulSetStatusUpdate, []row[appsv1.StatefulSet]{
		{"available", func(s *appsv1.StatefulSet) { s.Status.Replicas, s.Status.AvailableReplicas = 1, 1 },
			`status.availableReplicas: Invalid value: 1: cannot be greater than status.readyReplicas`},
	})
	updates(t, workload, validation.StatefulSetUpdate, []row[appsv1.StatefulSet]{
		{"service", func(s *appsv1.StatefulSet) { s.Spec.ServiceName = "other" },
			"spec: Forbidden: updates to statefulset spec for fields other than 'replicas', 'ordinals', 'template', 'updateStrategy', 'revisionHistoryLimit', 'persistentVolumeClaimRetentionPolicy' and 'minReadySeconds' are forbidden"},
		{"replicas", func(s *appsv1.StatefulSet) { s.Spec.Replicas = ptr[int32](3) }, ``},
	})
}

func TestDaemonSet(t *testing.T) {
	table(t, workload, validation.DaemonSet, []row[appsv1.DaemonSet]{
		{"mismatch", func(d *appsv1.DaemonSet) { d.Spec.Template.Labels["app"] = "other" }, mismatch},
		{"no selector", func(d *appsv1.DaemonSet) { d.Spec.Selector = nil },
			"spec.template.metadata.labels: Invalid value: {\"app\":\"web\"}: `selector` does not match template `labels`"},
		{"both", func(d *appsv1.DaemonSet) { d.Spec.UpdateStrategy.RollingUpdate.MaxSurge = ptr(intstr.FromInt32(1)) },
			`spec.updateStrategy.rollingUpdate.maxSurge: Invalid value: 1: may not be set when maxUnavailable is non-zero`},
		{"none", func(d *appsv1.DaemonSet) {
			d.Spec.UpdateStrategy.RollingUpdate.MaxUnavailable = ptr(intstr.FromInt32(0))
		},
			`spec.updateStrategy.rollingUpdate.maxUnavailable: Required value: cannot be 0 when maxSurge is 0`},
	})
	updates(t, workload, validation.DaemonSetUpdate, nil)
}

const job = `
metadata: {name: once, namespace: default}
spec:
  selector: {matchLabels: {job: once}}
  template:
    metadata: {labels: {job: once}}
    spec: {restartPolicy: Never, containers: [{name: a, image: "b:1"}]}
`

func TestJob(t *testing.T) {
	table(t, strings.Replace(job, "spec:", "spec:\n  manualSelector: true", 1), validation.Job, []row[batchv1.Job]{
		{"restart policy", func(j *batchv1.Job) { j.Spec.Template.Spec.RestartPolicy = "Always" },
			`spec.template.spec.restartPolicy: Required value: valid values: "OnFailure", "Never"`},
		{"indexed", func(j *batchv1.Job) { j.Spec.CompletionMode, j.Spec.Completions = ptr(batchv1.IndexedCompletion), nil },
			`spec.completions: Required value: when completion mode is Indexed`},
		{"parallelism", func(j *batchv1.Job) { j.Spec.Parallelism = ptr[int32](-1) }, `spec.parallelism: Invalid value: -1: must be greater than or equal to 0`},
	})
	updates(t, job, validation.JobUpdate, []row[batchv1.Job]{
		{"completions", func(j *batchv1.Job) { j.Spec.Completions = ptr[int32](2) }, `spec.completions: Invalid value: 2: field is immutable`},
		{"parallelism", func(j *batchv1.Job) { j.Spec.Parallelism = ptr[int32](2) }, ``},
		{"template", func(j *batchv1.Job) { j.Spec.Template.Spec.NodeSelector = map[string]string{"a": "b"} }, `spec.template: Invalid value: …`},
	})
	suspended := job + "  suspend: true\n"
	updates(t, suspended, validation.JobUpdate, []row[batchv1.Job]{
		{"placement", func(j *batchv1.Job) { j.Spec.Template.Spec.NodeSelector = map[string]string{"a": "b"} }, ``},
	})
}

func TestCronJob(t *testing.T) {
	const cron = `
metadata: {name: nightly, namespace: default}
spec:
  schedule: "*/5 0-6 1,15 jan-mar mon"
  jobTemplate: {spec: {template: {spec: {restartPolicy: Never, containers: [{name: a, image: "b:1"}]}}}}
`
	schedule := func(s string) func(*batchv1.CronJob) { return func(c *batchv1.CronJob) { c.Spec.Schedule = s } }
	table(t, cron, validation.CronJob, []row[batchv1.CronJob]{
		{"long name", func(c *batchv1.CronJob) { c.Name = "a23456789012345678901234567890123456789012345678901234" },
			`metadata.name: Invalid value: "a23456789012345678901234567890123456789012345678901234": must be no more than 52 characters`},
		{"no schedule", schedule(""), `spec.schedule: Required value`},
		{"fields", schedule("* * *"), `spec.schedule: Invalid value: "* * *": expected exactly 5 fields, found 3: [* * *]`},
		{"minute 60", schedule("60 * * * *"), `spec.schedule: Invalid value: "60 * * * *": end of range (60) above maximum (59): 60`},
		{"step 0", schedule("*/0 * * * *"), `spec.schedule: Invalid value: "*/0 * * * *": step of range should be a positive number: */0`},
		{"Sunday by 7", schedule("0 0 * * 7"), `spec.schedule: Invalid value: "0 0 * * 7": end of range (7) above maximum (6): 7`},
		{"backwards", schedule("0 9-8 * * *"), `spec.schedule: Invalid value: "0 9-8 * * *": beginning of range (9) beyond end of range (8): 9-8`},
		{"step from", schedule("5/10 * * * *"), ``},
		{"hourly", schedule("@hourly"), ``},
		{"every", schedule("@every 90s"), ``},
		{"sometimes", schedule("@sometimes"), `spec.schedule: Invalid value: "@sometimes": unrecognized descriptor: @sometimes`},
		{"zone in schedule", schedule("TZ=UTC 0 * * * *"), `spec.schedule: Invalid value: "TZ=UTC 0 * * * *": cannot use TZ or CRON_TZ in schedule, use timeZone field instead`},
		{"policy", func(c *batchv1.CronJob) { c.Spec.ConcurrencyPolicy = "Queue" },
			`spec.concurrencyPolicy: Unsupported value: "Queue": supported values: "Allow", "Forbid", "Replace"`},
		{"zone", func(c *batchv1.CronJob) { c.Spec.TimeZone = ptr("Mars/Base") }, `spec.timeZone: Invalid value: "Mars/Base": unknown time zone Mars/Base`},
		{"no zone", func(c *batchv1.CronJob) { c.Spec.TimeZone = ptr("") }, `spec.timeZone: Invalid value: "": timeZone must be nil or non-empty string`},
		{"the server's zone", func(c *batchv1.CronJob) { c.Spec.TimeZone = ptr("Local") },
			`spec.timeZone: Invalid value: "Local": timeZone must be an explicit time zone as defined in https://www.iana.org/time-zones`},
	})
}
