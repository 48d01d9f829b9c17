package defaults

import (
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/intstr"
)

const revisionHistoryLimit = 10

func registerApps(s *runtime.Scheme) {
	addWithList(s, setDeployment, func(l *appsv1.DeploymentList) []appsv1.Deployment { return l.Items })
	addWithList(s, setReplicaSet, func(l *appsv1.ReplicaSetList) []appsv1.ReplicaSet { return l.Items })
	addWithList(s, setStatefulSet, func(l *appsv1.StatefulSetList) []appsv1.StatefulSet { return l.Items })
	addWithList(s, setDaemonSet, func(l *appsv1.DaemonSetList) []appsv1.DaemonSet { return l.Items })
}

func setDeployment(d *appsv1.Deployment) {
	spec := &d.Spec
	orPointTo(&spec.Replicas, 1)
	orPointTo(&spec.RevisionHistoryLimit, revisionHistoryLimit)
	orPointTo(&spec.ProgressDeadlineSeconds, 600)
	orElse(&spec.Strategy.Type, appsv1.RollingUpdateDeploymentStrategyType)
	if spec.Strategy.Type == appsv1.RollingUpdateDeploymentStrategyType {
		orPointTo(&spec.Strategy.RollingUpdate, appsv1.RollingUpdateDeployment{})
		orPointTo(&spec.Strategy.RollingUpdate.MaxUnavailable, intstr.FromString("25%"))
		orPointTo(&spec.Strategy.RollingUpdate.MaxSurge, intstr.FromString("25%"))
	}
	setPodTemplateSpec(&spec.Template)
}

func setReplicaSet(r *appsv1.ReplicaSet) {
	orPointTo(&r.Spec.Replicas, 1)
	setPodTemplateSpec(&r.Spec.Template)
}

func setDaemonSet(d *appsv1.DaemonSet) {
	spec := &d.Spec
	orPointTo(&spec.RevisionHistoryLimit, revisionHistoryLimit)
	orElse(&spec.UpdateStrategy.Type, appsv1.RollingUpdateDaemonSetStrategyType)
	if spec.UpdateStrategy.Type == appsv1.RollingUpdateDaemonSetStrategyType {
		orPointTo(&spec.UpdateStrategy.RollingUpdate, appsv1.RollingUpdateDaemonSet{})
		orPointTo(&spec.UpdateStrategy.RollingUpdate.MaxUnavailable, intstr.FromInt32(1))
		orPointTo(&spec.UpdateStrategy.RollingUpdate.MaxSurge, intstr.FromInt32(0))
	}
	setPodTemplateSpec(&spec.Template)
}

func setStatefulSet(s *appsv1.StatefulSet) {
	spec := &s.Spec
	orPointTo(&spec.Replicas, 1)
	orPointTo(&spec.RevisionHistoryLimit, revisionHistoryLimit)
	orElse(&spec.PodManagementPolicy, appsv1.OrderedReadyPodManagement)
	// Unlike other kinds' strategies, one that names its type alone is left so.
	if spec.UpdateStrategy.Type == "" {
		spec.UpdateStrategy.Type = appsv1.RollingUpdateStatefulSetStrategyType
		orPointTo(&spec.UpdateStrategy.RollingUpdate, appsv1.RollingUpdateStatefulSetStrategy{})
	}
	if r := spec.UpdateStrategy.RollingUpdate; r != nil && spec.UpdateStrategy.Type == appsv1.RollingUpdateStatefulSetStrategyType {
		orPointTo(&r.Partition, 0)
		orPointTo(&r.MaxUnavailable, intstr.FromInt32(1))
	}
	orPointTo(&spec.PersistentVolumeClaimRetentionPolicy, appsv1.StatefulSetPersistentVolumeClaimRetentionPolicy{})
	orElse(&spec.PersistentVolumeClaimRetentionPolicy.WhenDeleted, appsv1.RetainPersistentVolumeClaimRetentionPolicyType)
	orElse(&spec.PersistentVolumeClaimRetentionPolicy.WhenScaled, appsv1.RetainPersistentVolumeClaimRetentionPolicyType)
	setPodTemplateSpec(&spec.Template)
	each(spec.VolumeClaimTemplates, func(c *corev1.PersistentVolumeClaim) {
		setPersistentVolumeClaim(c)
		c.APIVersion, c.Kind = "v1", "PersistentVolumeClaim"
	})
}
