package volumeexpand

import corev1 "k8s.io/api/core/v1"

// wants reports whether a bound claim asks for more than it has.
func wants(claim *corev1.PersistentVolumeClaim) bool {
	asked, has := claim.Spec.Resources.Requests[corev1.ResourceStorage], claim.Status.Capacity[corev1.ResourceStorage]
	return claim.Status.Phase == corev1.ClaimBound && claim.Spec.VolumeName != "" && asked.Cmp(has) > 0
}

// grew reports whether the claim has begun to ask for more; one that is seen for the first time may have.
func grew(before, now *corev1.PersistentVolumeClaim) bool {
	if before == nil {
		return true
	}
	asked, was := now.Spec.Resources.Requests[corev1.ResourceStorage], before.Spec.Resources.Requests[corev1.ResourceStorage]
	return asked.Cmp(was) > 0
}

// successor is the driver that has taken over the volumes of a kind that was built in; empty for all others.
func successor(s *corev1.PersistentVolumeSource) string {
	switch {
	case s.AWSElasticBlockStore != nil:
		return "ebs.csi.aws.com"
	case s.GCEPersistentDisk != nil:
		return "pd.csi.storage.gke.io"
	case s.AzureDisk != nil:
		return "disk.csi.azure.com"
	case s.AzureFile != nil:
		return "file.csi.azure.com"
	case s.Cinder != nil:
		return "cinder.csi.openstack.org"
	case s.VsphereVolume != nil:
		return "csi.vsphere.vmware.com"
	case s.PortworxVolume != nil:
		return "pxd.portworx.com"
	}
	return ""
}
