package core

import (
	"context"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
)

func TestAppArmorAnnotationsBecomeFields(t *testing.T) {
	local := &corev1.AppArmorProfile{Type: corev1.AppArmorProfileTypeLocalhost, LocalhostProfile: ptr.To("p")}
	runtimeDefault := &corev1.AppArmorProfile{Type: corev1.AppArmorProfileTypeRuntimeDefault}
	unconfined := &corev1.AppArmorProfile{Type: corev1.AppArmorProfileTypeUnconfined}
	for _, c := range []struct {
		annotation       string
		pod, before, now *corev1.AppArmorProfile
		os               corev1.OSName
	}{
		{annotation: "localhost/p", now: local},
		{annotation: "runtime/default", now: runtimeDefault},
		{annotation: "unconfined", now: unconfined},
		{annotation: "localhost/"},
		{annotation: "odd"},
		{annotation: ""},
		{annotation: "localhost/p", os: corev1.Windows},
		{annotation: "localhost/p", before: unconfined, now: unconfined},
		{annotation: "localhost/p", pod: runtimeDefault, now: local},
		{annotation: "localhost/p", pod: local},
	} {
		p := &corev1.Pod{
			ObjectMeta: metav1.ObjectMeta{Annotations: map[string]string{corev1.DeprecatedAppArmorBetaContainerAnnotationKeyPrefix + "c": c.annotation}},
			Spec: corev1.PodSpec{
				SecurityContext: &corev1.PodSecurityContext{AppArmorProfile: c.pod},
				Containers:      []corev1.Container{{Name: "c"}, {Name: "d"}},
			},
		}
		if c.before != nil {
			p.Spec.Containers[0].SecurityContext = &corev1.SecurityContext{AppArmorProfile: c.before}
		}
		if c.os != "" {
			p.Spec.OS = &corev1.PodOS{Name: c.os}
		}
		preparePod(context.Background(), p)
		var got *corev1.AppArmorProfile
		if s := p.Spec.Containers[0].SecurityContext; s != nil {
			got = s.AppArmorProfile
		}
		if diff := cmp.Diff(c.now, got); diff != "" {
			t.Errorf("%q with pod %v and field %v: %s", c.annotation, c.pod, c.before, diff)
		}
		if p.Spec.Containers[1].SecurityContext != nil {
			t.Error("the annotation of one container changed another")
		}
	}
}
