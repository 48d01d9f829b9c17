package horizontalpodautoscaler

import (
	"context"
	"fmt"

	autoscalingv1 "k8s.io/api/autoscaling/v1"
	autoscalingv2 "k8s.io/api/autoscaling/v2"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/discovery"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/scale"
)

// attempts is how often a scale is written when others write to the target at the same time.
const attempts = 5

// targets reads and writes the scale of what autoscalers point at, whatever kind it is of.
type targets struct {
	mapper meta.RESTMapper
	scales scale.ScalesGetter
}

func newTargets(config *rest.Config, client discovery.DiscoveryInterface) (*targets, error) {
	mapper := newKinds(client)
	scales, err := scale.NewForConfig(config, mapper, dynamic.LegacyAPIPathResolverFunc, scale.NewDiscoveryScaleKindResolver(client))
	if err != nil {
		return nil, fmt.Errorf("making a client of scales: %w", err)
	}
	return &targets{mapper, scales}, nil
}

// target is what an autoscaler points at, by its resource.
type target struct {
	resource        schema.GroupResource
	namespace, name string
}

func (t target) String() string { return fmt.Sprintf("%s %s/%s", t.resource, t.namespace, t.name) }

// find returns the scale of what the autoscaler points at.
func (t *targets) find(ctx context.Context, namespace string, ref autoscalingv2.CrossVersionObjectReference) (target, *autoscalingv1.Scale, error) {
	gv, err := schema.ParseGroupVersion(ref.APIVersion)
	if err != nil {
		return target{}, nil, err
	}
	mappings, err := t.mapper.RESTMappings(schema.GroupKind{Group: gv.Group, Kind: ref.Kind})
	if err != nil {
		return target{}, nil, err
	}
	var first error
	for _, mapping := range mappings {
		found := target{mapping.Resource.GroupResource(), namespace, ref.Name}
		current, err := t.get(ctx, found)
		if err == nil {
			return found, current, nil
		}
		if first == nil {
			first = err
		}
	}
	return target{}, nil, first
}

func (t *targets) get(ctx context.Context, of target) (*autoscalingv1.Scale, error) {
	return t.scales.Scales(of.namespace).Get(ctx, of.resource, of.name, metav1.GetOptions{})
}

// resize sets the number of replicas. Where something else of the target was written meanwhile it tries again;
// where someone else has set the number, that is an error: the decision was made for another size.
func (t *targets) resize(ctx context.Context, of target, current *autoscalingv1.Scale, replicas int32) error {
	from := current.Spec.Replicas
	for attempt := 1; ; attempt++ {
		wanted := current.DeepCopy()
		wanted.Spec.Replicas = replicas
		_, err := t.scales.Scales(of.namespace).Update(ctx, of.resource, wanted, metav1.UpdateOptions{})
		if !apierrors.IsConflict(err) || attempt == attempts {
			return err
		}
		conflict := err
		if current, err = t.get(ctx, of); err != nil {
			return err
		}
		if current.Spec.Replicas != from {
			return conflict
		}
	}
}
