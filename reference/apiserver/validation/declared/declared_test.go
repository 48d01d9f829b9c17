package declared_test

import (
	"context"
	"testing"

	autoscalingv2 "k8s.io/api/autoscaling/v2"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	resourcev1 "k8s.io/api/resource/v1"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/etalon-dev/etalon/reference/apiserver/validation/declared"
)

func TestCreate(t *testing.T) {
	zero, negative := int32(0), int32(-1)
	hpa := func(replicas *int32) *autoscalingv2.HorizontalPodAutoscaler {
		return &autoscalingv2.HorizontalPodAutoscaler{Spec: autoscalingv2.HorizontalPodAutoscalerSpec{
			MinReplicas: replicas, MaxReplicas: 1,
			ScaleTargetRef: autoscalingv2.CrossVersionObjectReference{Kind: "Deployment", Name: "d"},
		}}
	}
	for name, c := range map[string]struct {
		errs field.ErrorList
		want string
	}{
		"a beta tag": {declared.Create(context.Background(), &resourcev1.ResourceSlice{
			Spec: resourcev1.ResourceSliceSpec{SharedCounters: make([]resourcev1.CounterSet, 9)},
		}), "spec.sharedCounters"},
		"a gate that is on":    {declared.Create(context.Background(), hpa(&zero)), ""},
		"below every gate":     {declared.Create(context.Background(), hpa(&negative)), "spec.minReplicas"},
		"a type without tags":  {declared.Create(context.Background(), &corev1.Secret{}), ""},
		"a type not generated": {declared.Create(context.Background(), &networkingv1.IngressList{}), ""},
	} {
		t.Run(name, func(t *testing.T) {
			if c.want == "" {
				if len(c.errs) > 0 {
					t.Error(c.errs)
				}
				return
			}
			if len(c.errs) == 0 || c.errs[0].Field != c.want {
				t.Errorf("got %v, want an error of %s", c.errs, c.want)
			}
		})
	}
}

func TestUpdateLeavesWhatIsUnchanged(t *testing.T) {
	slice := &resourcev1.ResourceSlice{Spec: resourcev1.ResourceSliceSpec{SharedCounters: make([]resourcev1.CounterSet, 9)}}
	if errs := declared.Update(context.Background(), slice, slice.DeepCopy()); len(errs) > 0 {
		t.Error(errs)
	}
}

func TestMerge(t *testing.T) {
	path := field.NewPath("spec", "name")
	tagged := field.Invalid(path, "X", "as declared").WithOrigin("format=dns-label")
	for name, c := range map[string]struct {
		written *field.Error
		want    int
	}{
		"the same fault":     {field.Invalid(path, "X", "as written"), 1},
		"the same by origin": {field.Invalid(path, "X", "as written").WithOrigin("format=dns-label"), 1},
		"another origin":     {field.Invalid(path, "X", "as written").WithOrigin("immutable"), 2},
		"another type":       {field.Required(path, ""), 2},
		"another field":      {field.Invalid(path.Child("x"), "X", ""), 2},
		"nothing written":    {nil, 1},
	} {
		t.Run(name, func(t *testing.T) {
			var written field.ErrorList
			if c.written != nil {
				written = append(written, c.written)
			}
			if got := declared.Merge(written, field.ErrorList{tagged}); len(got) != c.want {
				t.Errorf("got %v, want %d errors", got, c.want)
			}
			if got := declared.Merge(written, nil); len(got) != len(written) {
				t.Errorf("without tags: %v", got)
			}
		})
	}
}
