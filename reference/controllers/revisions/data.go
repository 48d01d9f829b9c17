package revisions

import (
	"bytes"
	"encoding/json"
	"fmt"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
)

// Patch is what a revision of the template stores: the strategic merge patch
// that replaces an owner's template by this one. Its bytes are canonical, and
// kubectl compares them.
func Patch(template *corev1.PodTemplateSpec) ([]byte, error) {
	encoded, err := json.Marshal(template)
	if err != nil {
		return nil, err
	}
	var fields map[string]json.RawMessage
	if err := json.Unmarshal(encoded, &fields); err != nil {
		return nil, err
	}
	fields["$patch"] = json.RawMessage(`"replace"`)
	// Sorted keys at every level, as in any object that went through a map.
	whole, err := json.Marshal(map[string]any{"spec": map[string]any{"template": fields}})
	if err != nil {
		return nil, err
	}
	var sorted any
	decoder := json.NewDecoder(bytes.NewReader(whole))
	decoder.UseNumber() // a large integer stays what it is
	if err := decoder.Decode(&sorted); err != nil {
		return nil, err
	}
	return json.Marshal(sorted)
}

// Template is the template that the revision stores.
func Template(revision *appsv1.ControllerRevision) (*corev1.PodTemplateSpec, error) {
	var data struct {
		Spec struct {
			Template *corev1.PodTemplateSpec `json:"template"`
		} `json:"spec"`
	}
	if err := json.Unmarshal(revision.Data.Raw, &data); err != nil {
		return nil, fmt.Errorf("data of ControllerRevision %s/%s: %w", revision.Namespace, revision.Name, err)
	}
	if data.Spec.Template == nil {
		return nil, fmt.Errorf("data of ControllerRevision %s/%s has no template", revision.Namespace, revision.Name)
	}
	return data.Spec.Template, nil
}

// stores reports whether the revision is of the template, whose patch is given
// too. Templates are compared by what they mean: another version may have written
// the same one in other bytes, and that must not start a rollout.
func stores(revision *appsv1.ControllerRevision, template *corev1.PodTemplateSpec, patch []byte) bool {
	if bytes.Equal(revision.Data.Raw, patch) {
		return true
	}
	stored, err := Template(revision)
	return err == nil && equality.Semantic.DeepEqual(stored, template)
}
