package defaultingressclass

import (
	"testing"
	"time"

	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes/fake"
	"k8s.io/utils/ptr"

	"github.com/etalon-dev/etalon/reference/admission/admissiontest"
)

func class(name string, second int64, mark string) *networkingv1.IngressClass {
	return &networkingv1.IngressClass{ObjectMeta: metav1.ObjectMeta{Name: name, CreationTimestamp: metav1.NewTime(time.Unix(second, 0)),
		Annotations: map[string]string{networkingv1.AnnotationIsDefaultIngressClass: mark}}}
}

func TestDefault(t *testing.T) {
	for name, c := range map[string]struct {
		classes []*networkingv1.IngressClass
		ingress networkingv1.Ingress
		want    *string
	}{
		"no class":       {nil, networkingv1.Ingress{}, nil},
		"none is marked": {[]*networkingv1.IngressClass{class("a", 1, "false")}, networkingv1.Ingress{}, nil},
		"the newest": {[]*networkingv1.IngressClass{class("a", 1, "true"), class("c", 3, "true"), class("b", 2, "true"), class("d", 4, "no")},
			networkingv1.Ingress{}, ptr.To("c")},
		"of one age the first by name": {[]*networkingv1.IngressClass{class("c", 1, "true"), class("b", 1, "true")}, networkingv1.Ingress{}, ptr.To("b")},
		"it names one": {[]*networkingv1.IngressClass{class("a", 1, "true")},
			networkingv1.Ingress{Spec: networkingv1.IngressSpec{IngressClassName: ptr.To("own")}}, ptr.To("own")},
		"it is annotated": {[]*networkingv1.IngressClass{class("a", 1, "true")},
			networkingv1.Ingress{ObjectMeta: metav1.ObjectMeta{Annotations: map[string]string{classAnnotation: "own"}}}, nil},
	} {
		shared := informers.NewSharedInformerFactory(fake.NewClientset(), 0)
		p := New()
		p.SetExternalKubeInformerFactory(shared)
		p.SetReadyFunc(func() bool { return true })
		for _, ic := range c.classes {
			if err := shared.Networking().V1().IngressClasses().Informer().GetStore().Add(ic); err != nil {
				t.Fatal(err)
			}
		}
		ingress := c.ingress.DeepCopy()
		if err := admissiontest.Run(t, p, admissiontest.Request{Object: ingress, Resource: "ingresses"}); err != nil {
			t.Fatal(err)
		}
		if !ptr.Equal(ingress.Spec.IngressClassName, c.want) {
			t.Errorf("%s: got %q, wanted %q", name, ptr.Deref(ingress.Spec.IngressClassName, "<nil>"), ptr.Deref(c.want, "<nil>"))
		}
	}
}
