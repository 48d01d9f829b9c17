package sim

import (
	"encoding/json"
	"fmt"

	jsonpatch "gopkg.in/evanphx/json-patch.v4"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/strategicpatch"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

// patched applies the patch to obj.
func patched(resource schema.GroupVersionResource, obj Object, kind types.PatchType, patch []byte) (Object, error) {
	before, err := json.Marshal(obj)
	if err != nil {
		return nil, err
	}
	var after []byte
	switch kind {
	case types.JSONPatchType:
		var decoded jsonpatch.Patch
		if decoded, err = jsonpatch.DecodePatch(patch); err == nil {
			after, err = decoded.Apply(before)
		}
	case types.MergePatchType:
		after, err = jsonpatch.MergePatch(before, patch)
	case types.StrategicMergePatchType:
		after, err = strategicpatch.StrategicMergePatch(before, patch, obj)
	default:
		err = fmt.Errorf("sim: patches of type %s are not served", kind)
	}
	if err != nil {
		return nil, apierrors.NewBadRequest(err.Error())
	}
	result, err := newObject(resource)
	if err != nil {
		return nil, err
	}
	if err := json.Unmarshal(after, result); err != nil {
		return nil, apierrors.NewBadRequest(err.Error())
	}
	if result.GetUID() != obj.GetUID() {
		return nil, apierrors.NewInvalid(kinds[resource].GroupKind(), obj.GetName(),
			field.ErrorList{field.Invalid(field.NewPath("metadata", "uid"), result.GetUID(), "field is immutable")})
	}
	return result, nil
}
