package persistentvolume

import (
	"testing"

	corev1 "k8s.io/api/core/v1"
	storagev1 "k8s.io/api/storage/v1"
	volumehelpers "k8s.io/component-helpers/storage/volume"
)

type claimOf = func(*corev1.PersistentVolumeClaim)

func wanting(volume string) claimOf {
	return func(c *corev1.PersistentVolumeClaim) { c.Spec.VolumeName = volume }
}

func isOurs(provisioner string) bool { return provisioner == "kubernetes.io/host-path" }

func TestPlanClaim(t *testing.T) {
	const immediate, delayed = storagev1.VolumeBindingImmediate, storagev1.VolumeBindingWaitForFirstConsumer
	completed := annotate[*corev1.PersistentVolumeClaim](volumehelpers.AnnBindCompleted, "yes")
	selected := annotate[*corev1.PersistentVolumeClaim](volumehelpers.AnnSelectedNode, "node-1")
	unset := func(c *corev1.PersistentVolumeClaim) { c.Spec.StorageClassName = nil }
	type want struct {
		bind, fallback, provision string
		phase                     corev1.PersistentVolumeClaimPhase
		reason, message           string
	}
	pending := func(reason, message string) want {
		return want{phase: corev1.ClaimPending, reason: reason, message: message}
	}
	for name, test := range map[string]struct {
		view claimView
		want want
	}{
		"nothing fits, no class": {claimView{claim: newClaim("c", "")},
			pending("FailedBinding", "no persistent volumes available for this claim and no storage class is set")},
		"a default comes": {claimView{claim: newClaim("c", "", unset), fallback: newClass("std", "p", immediate)}, want{fallback: "std"}},
		"a default comes, declined": {claimView{claim: newClaim("c", ""), fallback: newClass("std", "p", immediate)},
			pending("FailedBinding", "no persistent volumes available for this claim and no storage class is set")},
		"unknown class": {claimView{claim: newClaim("c", "x")}, pending("ProvisioningFailed", `storageclass.storage.k8s.io "x" not found`)},
		"nobody provisions": {claimView{claim: newClaim("c", "x"), class: newClass("x", "kubernetes.io/no-provisioner", immediate)},
			pending("ProvisioningFailed", "no volume plugin matched name: kubernetes.io/no-provisioner")},
		"somebody outside provisions": {claimView{claim: newClaim("c", "x"), class: newClass("x", "example.com/disks", immediate)},
			want{provision: "x", phase: corev1.ClaimPending, reason: "ExternalProvisioning", message: "Waiting for a volume to be created either by the external provisioner 'example.com/disks' or manually by the system administrator. " +
				"If volume creation is delayed, please verify that the provisioner is running and correctly registered."}},
		"we provision": {claimView{claim: newClaim("c", "x"), class: newClass("x", "kubernetes.io/host-path", immediate)},
			want{provision: "x", phase: corev1.ClaimPending}},
		"no consumer": {claimView{claim: newClaim("c", "x"), class: newClass("x", "kubernetes.io/host-path", delayed), candidates: []*corev1.PersistentVolume{newVolume("a", "2Gi", "x")}},
			pending("WaitForFirstConsumer", "waiting for first consumer to be created before binding")},
		"a consumer": {claimView{claim: newClaim("c", "x"), class: newClass("x", "p", delayed), unscheduled: []string{"a"}},
			pending("WaitForPodScheduled", "waiting for pod a to be scheduled")},
		"consumers": {claimView{claim: newClaim("c", "x"), class: newClass("x", "p", delayed), unscheduled: []string{"a", "b"}},
			pending("WaitForPodScheduled", "waiting for pods a,b to be scheduled")},
		"a node was selected": {claimView{claim: newClaim("c", "x", selected), class: newClass("x", "kubernetes.io/host-path", delayed)},
			want{provision: "x", phase: corev1.ClaimPending}},
		"one fits": {claimView{claim: newClaim("c", "x"), candidates: []*corev1.PersistentVolume{newVolume("a", "2Gi", "x")}}, want{bind: "a"}},
		"deleted":  {claimView{claim: newClaim("c", "x", func(c *corev1.PersistentVolumeClaim) { c.DeletionTimestamp = &c.CreationTimestamp }), candidates: []*corev1.PersistentVolume{newVolume("a", "2Gi", "x")}}, want{}},

		"by name, missing":   {claimView{claim: newClaim("c", "x", wanting("a"))}, want{phase: corev1.ClaimPending}},
		"by name":            {claimView{claim: newClaim("c", "x", wanting("a")), volume: newVolume("a", "2Gi", "x")}, want{bind: "a"}},
		"by name, too small": {claimView{claim: newClaim("c", "x", wanting("a")), volume: newVolume("a", "1Gi", "x")}, pending("VolumeMismatch", `Cannot bind to requested volume "a": requested PV is too small`)},
		"by name, class":     {claimView{claim: newClaim("c", "x", wanting("a")), volume: newVolume("a", "2Gi", "y")}, pending("VolumeMismatch", `Cannot bind to requested volume "a": storageClassName does not match`)},
		"by name, modes": {claimView{claim: newClaim("c", "x", wanting("a")), volume: newVolume("a", "2Gi", "x", modes(corev1.ReadWriteMany))},
			pending("VolumeMismatch", `Cannot bind to requested volume "a": incompatible accessMode`)},
		"by name, mutual":        {claimView{claim: newClaim("c", "x", wanting("a")), volume: newVolume("a", "2Gi", "x", forClaim("c", ""))}, want{bind: "a"}},
		"by name, mutual, small": {claimView{claim: newClaim("c", "x", wanting("a")), volume: newVolume("a", "1Gi", "x", forClaim("c", ""))}, pending("VolumeMismatch", `Cannot bind to requested volume "a": requested PV is too small`)},
		"by name, another's":     {claimView{claim: newClaim("c", "x", wanting("a")), volume: newVolume("a", "2Gi", "x", forClaim("d", ""))}, pending("FailedBinding", `volume "a" already bound to a different claim.`)},
		"bound":                  {claimView{claim: newClaim("c", "x", wanting("a"), completed), volume: newVolume("a", "2Gi", "x", forClaim("c", "c-uid"))}, want{bind: "a"}},
		"bound, volume lost its": {claimView{claim: newClaim("c", "x", wanting("a"), completed), volume: newVolume("a", "2Gi", "x")}, want{bind: "a"}},
		"bound, name lost":       {claimView{claim: newClaim("c", "x", completed)}, want{phase: corev1.ClaimLost, reason: "ClaimLost", message: "Bound claim has lost reference to PersistentVolume. Data on the volume is lost!"}},
		"bound, volume gone":     {claimView{claim: newClaim("c", "x", wanting("a"), completed)}, want{phase: corev1.ClaimLost, reason: "ClaimLost", message: "Bound claim has lost its PersistentVolume. Data on the volume is lost!"}},
		"bound, volume is another's": {claimView{claim: newClaim("c", "x", wanting("a"), completed), volume: newVolume("a", "2Gi", "x", forClaim("d", "d-uid"))},
			want{phase: corev1.ClaimLost, reason: "ClaimMisbound", message: "Two claims are bound to the same volume, this one is bound incorrectly"}},
	} {
		t.Run(name, func(t *testing.T) {
			test.view.builtIn = isOurs
			plan, err := planClaim(&test.view)
			if err != nil {
				t.Fatal(err)
			}
			got := want{fallback: plan.fallback, phase: plan.phase}
			if plan.bind != nil {
				got.bind = plan.bind.Name
			}
			if plan.provision != nil {
				got.provision = plan.provision.Name
			}
			if plan.event != nil {
				got.reason, got.message = plan.event.reason, plan.event.message
			}
			if got != test.want {
				t.Errorf("got  %+v\nwant %+v", got, test.want)
			}
		})
	}
}

func TestPlanVolume(t *testing.T) {
	type volumeOf = func(*corev1.PersistentVolume)
	policy := func(p corev1.PersistentVolumeReclaimPolicy) volumeOf {
		return func(v *corev1.PersistentVolume) { v.Spec.PersistentVolumeReclaimPolicy = p }
	}
	ours := annotate[*corev1.PersistentVolume](volumehelpers.AnnBoundByController, "yes")
	madeBy := func(p string) volumeOf {
		return annotate[*corev1.PersistentVolume](volumehelpers.AnnDynamicallyProvisioned, p)
	}
	failed := func(v *corev1.PersistentVolume) { v.Status.Phase = corev1.VolumeFailed }
	finalizer := func(v *corev1.PersistentVolume) { v.Finalizers = []string{"kubernetes.io/pv-controller"} }
	going := func(v *corev1.PersistentVolume) { v.DeletionTimestamp = &v.CreationTimestamp }
	bound, gone := forClaim("c", "c-uid"), (*corev1.PersistentVolumeClaim)(nil)
	block := newClaim("c", "x")
	block.Spec.VolumeMode = nil
	mode := corev1.PersistentVolumeBlock
	block.Spec.VolumeMode = &mode
	type want struct {
		phase         corev1.PersistentVolumePhase
		unbind, letGo bool
		delete        string
		reason        string
	}
	for name, test := range map[string]struct {
		volume *corev1.PersistentVolume
		claim  *corev1.PersistentVolumeClaim
		want   want
	}{
		"free":                        {newVolume("a", "2Gi", "x"), gone, want{phase: "Available"}},
		"meant for a claim":           {newVolume("a", "2Gi", "x", forClaim("c", "")), gone, want{phase: "Available"}},
		"bound":                       {newVolume("a", "2Gi", "x", bound), newClaim("c", "x", wanting("a")), want{phase: "Bound"}},
		"half bound":                  {newVolume("a", "2Gi", "x", bound, ours), newClaim("c", "x"), want{}},
		"cannot be bound":             {newVolume("a", "2Gi", "x", bound), block, want{reason: "VolumeMismatch"}},
		"claim took another":          {newVolume("a", "2Gi", "x", bound, ours), newClaim("c", "x", wanting("b")), want{phase: "Available", unbind: true}},
		"made, claim took another":    {newVolume("a", "2Gi", "x", bound, ours, policy("Delete"), madeBy("example.com/disks")), newClaim("c", "x", wanting("b")), want{phase: "Released"}},
		"deleted before it was taken": {newVolume("a", "2Gi", "x", bound, ours, policy("Delete"), madeBy("kubernetes.io/host-path"), going), newClaim("c", "x"), want{phase: "Released", delete: "kubernetes.io/host-path"}},
		"kept":                        {newVolume("a", "2Gi", "x", bound), gone, want{phase: "Released"}},
		"to be deleted by us":         {newVolume("a", "2Gi", "x", bound, policy("Delete"), madeBy("kubernetes.io/host-path")), gone, want{phase: "Released", delete: "kubernetes.io/host-path"}},
		"to be deleted by others":     {newVolume("a", "2Gi", "x", bound, policy("Delete"), madeBy("example.com/disks")), gone, want{phase: "Released"}},
		"to be deleted by nobody":     {newVolume("a", "2Gi", "x", bound, policy("Delete")), gone, want{phase: "Failed", reason: "VolumeFailedDelete"}},
		"to be deleted by the past":   {newVolume("a", "2Gi", "x", bound, policy("Delete"), madeBy("kubernetes.io/gce-pd")), gone, want{phase: "Failed", reason: "VolumeFailedDelete"}},
		"deletion failed, try again":  {newVolume("a", "2Gi", "x", bound, policy("Delete"), madeBy("kubernetes.io/host-path"), failed), gone, want{delete: "kubernetes.io/host-path"}},
		"to be recycled":              {newVolume("a", "2Gi", "x", bound, policy("Recycle")), gone, want{phase: "Failed", reason: "VolumeFailedRecycle"}},
		"unknown policy":              {newVolume("a", "2Gi", "x", bound, policy("Burn")), gone, want{phase: "Failed", reason: "VolumeUnknownReclaimPolicy"}},
		"policy changed to keep it":   {newVolume("a", "2Gi", "x", bound, finalizer), newClaim("c", "x", wanting("a")), want{phase: "Bound", letGo: true}},
	} {
		t.Run(name, func(t *testing.T) {
			plan := planVolume(test.volume, test.claim, isOurs)
			got := want{phase: plan.phase, unbind: plan.unbind, letGo: plan.letGo, delete: plan.delete}
			for _, e := range []*event{plan.event, plan.mismatch} {
				if e != nil {
					got.reason = e.reason
				}
			}
			if got != test.want {
				t.Errorf("got  %+v\nwant %+v", got, test.want)
			}
		})
	}
}

func TestUnboundKeepsWhatAUserWrote(t *testing.T) {
	ours := unbound(newVolume("a", "2Gi", "x", forClaim("c", "c-uid"), annotate[*corev1.PersistentVolume](volumehelpers.AnnBoundByController, "yes")))
	if _, marked := ours.Annotations[volumehelpers.AnnBoundByController]; ours.Spec.ClaimRef != nil || marked {
		t.Errorf("what the controller bound keeps %v, %v", ours.Spec.ClaimRef, ours.Annotations)
	}
	users := unbound(newVolume("a", "2Gi", "x", forClaim("c", "c-uid")))
	if users.Spec.ClaimRef == nil || users.Spec.ClaimRef.Name != "c" || users.Spec.ClaimRef.UID != "" {
		t.Errorf("what a user bound becomes %v", users.Spec.ClaimRef)
	}
}
