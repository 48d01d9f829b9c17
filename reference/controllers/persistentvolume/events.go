package persistentvolume

import (
	"fmt"

	corev1 "k8s.io/api/core/v1"
)

// Reasons of the events about claims and volumes.
const (
	FailedBinding               = "FailedBinding"
	VolumeMismatch              = "VolumeMismatch"
	VolumeFailedRecycle         = "VolumeFailedRecycle"
	VolumeFailedDelete          = "VolumeFailedDelete"
	VolumeDelete                = "VolumeDelete"
	VolumeUnknownReclaimPolicy  = "VolumeUnknownReclaimPolicy"
	ExternalProvisioning        = "ExternalProvisioning"
	ProvisioningFailed          = "ProvisioningFailed"
	ProvisioningCleanupFailed   = "ProvisioningCleanupFailed"
	ProvisioningSucceeded       = "ProvisioningSucceeded"
	WaitForFirstConsumer        = "WaitForFirstConsumer"
	WaitForPodScheduled         = "WaitForPodScheduled"
	ClaimLost                   = "ClaimLost"
	ClaimMisbound               = "ClaimMisbound"
	noVolumesAndNoClass         = "no persistent volumes available for this claim and no storage class is set"
	waitingForFirstConsumer     = "waiting for first consumer to be created before binding"
	waitingForExternalProvision = "Waiting for a volume to be created either by the external provisioner '%s' or manually by the system administrator. " +
		"If volume creation is delayed, please verify that the provisioner is running and correctly registered."
)

// event is what is told about an object.
type event struct{ kind, reason, message string }

func normal(reason, format string, args ...any) *event {
	return &event{corev1.EventTypeNormal, reason, fmt.Sprintf(format, args...)}
}

func warning(reason, format string, args ...any) *event {
	return &event{corev1.EventTypeWarning, reason, fmt.Sprintf(format, args...)}
}
