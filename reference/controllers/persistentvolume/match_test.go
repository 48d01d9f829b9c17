package persistentvolume

import (
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
)

func modes(modes ...corev1.PersistentVolumeAccessMode) func(*corev1.PersistentVolume) {
	return func(v *corev1.PersistentVolume) { v.Spec.AccessModes = modes }
}

func labelled(key, value string) func(*corev1.PersistentVolume) {
	return func(v *corev1.PersistentVolume) { v.Labels = map[string]string{key: value} }
}

func TestMatch(t *testing.T) {
	type pvs = []*corev1.PersistentVolume
	block := func(v *corev1.PersistentVolume) { v.Spec.VolumeMode = ptr.To(corev1.PersistentVolumeBlock) }
	attributes := func(v *corev1.PersistentVolume) { v.Spec.VolumeAttributesClassName = ptr.To("gold") }
	deleted := func(v *corev1.PersistentVolume) { v.DeletionTimestamp = &metav1.Time{} }
	pending := func(v *corev1.PersistentVolume) { v.Status.Phase = corev1.VolumePending }
	selecting := func(c *corev1.PersistentVolumeClaim) {
		c.Spec.Selector = &metav1.LabelSelector{MatchLabels: map[string]string{"disk": "fast"}}
	}
	for name, test := range map[string]struct {
		claim   *corev1.PersistentVolumeClaim
		volumes pvs
		delayed bool
		want    string
	}{
		"none":                            {newClaim("c", "x"), nil, false, ""},
		"exact":                           {newClaim("c", "x"), pvs{newVolume("a", "2Gi", "x")}, false, "a"},
		"smallest that fits":              {newClaim("c", "x"), pvs{newVolume("a", "9Gi", "x"), newVolume("b", "3Gi", "x"), newVolume("d", "1Gi", "x")}, false, "b"},
		"first by name of equals":         {newClaim("c", "x"), pvs{newVolume("b", "3Gi", "x"), newVolume("a", "3Gi", "x")}, false, "a"},
		"too small":                       {newClaim("c", "x"), pvs{newVolume("a", "1Gi", "x")}, false, ""},
		"another class":                   {newClaim("c", "x"), pvs{newVolume("a", "2Gi", "y")}, false, ""},
		"no class, no class":              {newClaim("c", ""), pvs{newVolume("a", "2Gi", "")}, false, "a"},
		"lacks a mode":                    {newClaim("c", "x"), pvs{newVolume("a", "2Gi", "x", modes(corev1.ReadOnlyMany))}, false, ""},
		"more modes":                      {newClaim("c", "x"), pvs{newVolume("a", "2Gi", "x", modes(corev1.ReadOnlyMany, corev1.ReadWriteOnce))}, false, "a"},
		"fewer modes before smaller size": {newClaim("c", "x"), pvs{newVolume("a", "2Gi", "x", modes(corev1.ReadOnlyMany, corev1.ReadWriteOnce)), newVolume("b", "5Gi", "x")}, false, "b"},
		"block device":                    {newClaim("c", "x"), pvs{newVolume("a", "2Gi", "x", block)}, false, ""},
		"other attributes":                {newClaim("c", "x"), pvs{newVolume("a", "2Gi", "x", attributes)}, false, ""},
		"same attributes": {newClaim("c", "x", func(c *corev1.PersistentVolumeClaim) { c.Spec.VolumeAttributesClassName = ptr.To("gold") }),
			pvs{newVolume("a", "2Gi", "x", attributes)}, false, "a"},
		"selected":                 {newClaim("c", "x", selecting), pvs{newVolume("a", "2Gi", "x"), newVolume("b", "5Gi", "x", labelled("disk", "fast"))}, false, "b"},
		"none selected":            {newClaim("c", "x", selecting), pvs{newVolume("a", "2Gi", "x", labelled("disk", "slow"))}, false, ""},
		"going away":               {newClaim("c", "x"), pvs{newVolume("a", "2Gi", "x", deleted)}, false, ""},
		"not available yet":        {newClaim("c", "x"), pvs{newVolume("a", "2Gi", "x", pending)}, false, ""},
		"meant for it":             {newClaim("c", "x"), pvs{newVolume("a", "2Gi", "x"), newVolume("b", "9Gi", "x", forClaim("c", ""))}, false, "b"},
		"meant for it, too small":  {newClaim("c", "x"), pvs{newVolume("a", "2Gi", "x"), newVolume("b", "1Gi", "x", forClaim("c", ""))}, false, "a"},
		"meant for another":        {newClaim("c", "x"), pvs{newVolume("a", "2Gi", "x", forClaim("d", ""))}, false, ""},
		"meant for its forebear":   {newClaim("c", "x"), pvs{newVolume("a", "2Gi", "x", forClaim("c", "older"))}, false, ""},
		"the scheduler's choice":   {newClaim("c", "x"), pvs{newVolume("a", "2Gi", "x")}, true, ""},
		"chosen, by the scheduler": {newClaim("c", "x"), pvs{newVolume("a", "2Gi", "x"), newVolume("b", "4Gi", "x", forClaim("c", "c-uid"))}, true, "b"},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := match(test.claim, test.volumes, test.delayed)
			if err != nil {
				t.Fatal(err)
			}
			switch {
			case got == nil && test.want != "":
				t.Errorf("got none, want %s", test.want)
			case got != nil && got.Name != test.want:
				t.Errorf("got %s, want %q", got.Name, test.want)
			}
		})
	}
}
