package defaults

import (
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime"
)

func registerCore(s *runtime.Scheme) {
	addWithList(s, setPod, func(l *corev1.PodList) []corev1.Pod { return l.Items })
	addWithList(s, setPodTemplate, func(l *corev1.PodTemplateList) []corev1.PodTemplate { return l.Items })
	addWithList(s, setReplicationController, func(l *corev1.ReplicationControllerList) []corev1.ReplicationController { return l.Items })
	addWithList(s, setService, func(l *corev1.ServiceList) []corev1.Service { return l.Items })
	addWithList(s, setEndpoints, func(l *corev1.EndpointsList) []corev1.Endpoints { return l.Items })
	addWithList(s, setSecret, func(l *corev1.SecretList) []corev1.Secret { return l.Items })
	addWithList(s, setNamespace, func(l *corev1.NamespaceList) []corev1.Namespace { return l.Items })
	addWithList(s, setNode, func(l *corev1.NodeList) []corev1.Node { return l.Items })
	addWithList(s, setPersistentVolume, func(l *corev1.PersistentVolumeList) []corev1.PersistentVolume { return l.Items })
	addWithList(s, setPersistentVolumeClaim, func(l *corev1.PersistentVolumeClaimList) []corev1.PersistentVolumeClaim { return l.Items })
	addWithList(s, setLimitRange, func(l *corev1.LimitRangeList) []corev1.LimitRange { return l.Items })
	addWithList(s, setResourceQuota, func(l *corev1.ResourceQuotaList) []corev1.ResourceQuota { return l.Items })
}

func setPodTemplate(t *corev1.PodTemplate) { setPodTemplateSpec(&t.Template) }

func setEndpoints(e *corev1.Endpoints) {
	each(e.Subsets, func(subset *corev1.EndpointSubset) {
		each(subset.Ports, func(p *corev1.EndpointPort) { orElse(&p.Protocol, corev1.ProtocolTCP) })
	})
}

// setSecret folds stringData, which is write-only, into data.
func setSecret(s *corev1.Secret) {
	orElse(&s.Type, corev1.SecretTypeOpaque)
	if len(s.StringData) > 0 && s.Data == nil {
		s.Data = make(map[string][]byte, len(s.StringData))
	}
	for k, v := range s.StringData {
		s.Data[k] = []byte(v)
	}
	s.StringData = nil
}

// setNamespace labels every namespace with its own name, so that selectors can pick it.
func setNamespace(n *corev1.Namespace) {
	orElse(&n.Status.Phase, corev1.NamespaceActive)
	if n.Name == "" {
		return
	}
	if n.Labels == nil {
		n.Labels = map[string]string{}
	}
	n.Labels[corev1.LabelMetadataName] = n.Name
}

func setResourceQuota(q *corev1.ResourceQuota) {
	roundUp(q.Spec.Hard, q.Status.Hard, q.Status.Used)
}
