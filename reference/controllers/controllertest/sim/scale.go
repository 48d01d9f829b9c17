package sim

import (
	"encoding/json"
	"reflect"

	autoscalingv1 "k8s.io/api/autoscaling/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/labels"
)

// readScale is the scale subresource of whatever has spec.replicas.
func readScale(obj *stored) (any, error) {
	spec := part(obj.Object, "Spec")
	if !spec.IsValid() || !spec.FieldByName("Replicas").IsValid() {
		return nil, apierrors.NewNotFound(resourceOf(obj.Object).GroupResource(), obj.GetName()+"/scale")
	}
	scale := autoscalingv1.Scale{
		TypeMeta: metav1.TypeMeta{Kind: "Scale", APIVersion: "autoscaling/v1"},
		ObjectMeta: metav1.ObjectMeta{
			Name: obj.GetName(), Namespace: obj.GetNamespace(), UID: obj.GetUID(),
			ResourceVersion: obj.GetResourceVersion(), CreationTimestamp: obj.GetCreationTimestamp(),
		},
	}
	if replicas := spec.FieldByName("Replicas"); !replicas.IsNil() {
		scale.Spec.Replicas = int32(replicas.Elem().Int())
	}
	scale.Status.Replicas = int32(part(obj.Object, "Status").FieldByName("Replicas").Int())
	switch selector := spec.FieldByName("Selector").Interface().(type) {
	case *metav1.LabelSelector:
		scale.Status.Selector = metav1.FormatLabelSelector(selector)
	case map[string]string:
		scale.Status.Selector = labels.FormatLabels(selector)
	}
	raw, err := json.Marshal(scale)
	return json.RawMessage(raw), err
}

// scale writes spec.replicas.
func (t *transport) scale(req *request) (any, error) {
	var scale autoscalingv1.Scale
	if err := json.Unmarshal(req.body, &scale); err != nil {
		return nil, apierrors.NewBadRequest(err.Error())
	}
	after, err := t.w.store.update(t.actor, "update", req.resource, req.key, "", func(old Object) (Object, error) {
		old.SetResourceVersion(scale.ResourceVersion)
		replicas := scale.Spec.Replicas
		part(old, "Spec").FieldByName("Replicas").Set(reflect.ValueOf(&replicas))
		return old, nil
	})
	if err != nil {
		return nil, err
	}
	return readScale(after)
}

// fieldsOf are the fields that lists and watches can select by.
func fieldsOf(obj *stored) fields.Set {
	set := fields.Set{"metadata.name": obj.GetName(), "metadata.namespace": obj.GetNamespace()}
	if pod, ok := obj.Object.(*corev1.Pod); ok {
		set["spec.nodeName"], set["status.phase"] = pod.Spec.NodeName, string(pod.Status.Phase)
	}
	return set
}
