package validation

import (
	"strconv"
	"strings"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	k8slabels "k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

const unreadableSelector = "invalid label selector"

const selectorMismatch = "`selector` does not match template `labels`"

// workload is what the controllers' specs have in common: pods by selector, made from a template.
type workload struct {
	path     *field.Path // of the spec
	selector *metav1.LabelSelector
	template *corev1.PodTemplateSpec
	emptyFor string // what an empty selector is said to be invalid for
	// unreadable is said of a selector that is none.
	unreadable string
}

// selected checks the selector, that the template's pods would be selected (an absent selector selects
// none), and then the template; of a selector that cannot be read only that is said.
func (w workload) selected(template func(*field.Path, *corev1.PodTemplateSpec) field.ErrorList) (errs field.ErrorList) {
	p := w.path.Child("selector")
	if w.selector == nil {
		errs = append(errs, field.Required(p, ""))
	} else {
		errs = append(errs, labelSelector(p, w.selector)...)
		if len(w.selector.MatchLabels)+len(w.selector.MatchExpressions) == 0 {
			errs = append(errs, field.Invalid(p, w.selector, "empty selector is invalid for "+w.emptyFor))
		}
	}
	selector, err := metav1.LabelSelectorAsSelector(w.selector)
	if err != nil {
		return append(errs, field.Invalid(p, w.selector, w.unreadable))
	}
	at := w.path.Child("template")
	errs = append(errs, templateMatches(at, w.template, selector)...)
	return append(errs, template(at, w.template)...)
}

func templateMatches(p *field.Path, t *corev1.PodTemplateSpec, s k8slabels.Selector) field.ErrorList {
	if !s.Empty() && !s.Matches(k8slabels.Set(t.Labels)) {
		return field.ErrorList{field.Invalid(p.Child("metadata", "labels"), t.Labels, selectorMismatch)}
	}
	return nil
}

// keptRunning checks a template whose pods are to run for ever.
func keptRunning(kind string) func(*field.Path, *corev1.PodTemplateSpec) field.ErrorList {
	return func(p *field.Path, t *corev1.PodTemplateSpec) field.ErrorList {
		return append(PodTemplateSpec(t, p), runForEver(p, &t.Spec, kind)...)
	}
}

// replicated checks a template of which there may be several pods at a time.
func replicated(n *int32) func(*field.Path, *corev1.PodTemplateSpec) field.ErrorList {
	return func(p *field.Path, t *corev1.PodTemplateSpec) field.ErrorList {
		errs := PodTemplateSpec(t, p)
		if n != nil && *n > 1 {
			errs = append(errs, readOnlyDisks(p.Child("spec", "volumes"), t.Spec.Volumes)...)
		}
		return append(errs, runForEver(p, &t.Spec, "ReplicaSet")...)
	}
}

// readOnlyDisks: a disk of GCE can be mounted for writing on one machine only.
func readOnlyDisks(p *field.Path, volumes []corev1.Volume) (errs field.ErrorList) {
	for i, v := range volumes {
		if disk := v.GCEPersistentDisk; disk != nil && !disk.ReadOnly {
			errs = append(errs, field.Invalid(p.Index(i).Child("gcePersistentDisk", "readOnly"), false,
				"must be true for replicated pods > 1; GCE PD can only be mounted on multiple machines if it is read-only"))
		}
	}
	return errs
}

func runForEver(p *field.Path, s *corev1.PodSpec, kind string) (errs field.ErrorList) {
	if s.RestartPolicy != corev1.RestartPolicyAlways {
		errs = append(errs, field.NotSupported(p.Child("spec", "restartPolicy"), s.RestartPolicy, []corev1.RestartPolicy{corev1.RestartPolicyAlways}))
	}
	if s.ActiveDeadlineSeconds != nil {
		errs = append(errs, field.Forbidden(p.Child("spec", "activeDeadlineSeconds"), "activeDeadlineSeconds in "+kind+" is not Supported"))
	}
	return errs
}

func replicas(p *field.Path, n *int32) field.ErrorList {
	if n == nil {
		return field.ErrorList{field.Required(p, "")}
	}
	return nonNegative(p, *n)
}

// intOrPercent wants a number that is not negative, or a percentage.
func intOrPercent(p *field.Path, v *intstr.IntOrString) field.ErrorList {
	switch {
	case v == nil:
		return field.ErrorList{field.Required(p, "")}
	case v.Type == intstr.String:
		return invalids(p, v, validation.IsValidPercent(v.StrVal))
	case v.Type == intstr.Int:
		return nonNegative(p, v.IntVal)
	}
	return field.ErrorList{field.Invalid(p, v, "must be an integer or percentage (e.g '5%%')")}
}

// percentOf reads a percentage; ok is false for anything else.
func percentOf(v *intstr.IntOrString) (n int, ok bool) {
	if v == nil || v.Type != intstr.String || len(validation.IsValidPercent(v.StrVal)) > 0 {
		return 0, false
	}
	n, err := strconv.Atoi(strings.TrimSuffix(v.StrVal, "%"))
	return n, err == nil
}

func isZero(v *intstr.IntOrString) bool {
	if v == nil {
		return true
	}
	if v.Type == intstr.Int {
		return v.IntVal == 0
	}
	n, ok := percentOf(v)
	return !ok || n == 0
}

func atMostAll(p *field.Path, v *intstr.IntOrString) field.ErrorList {
	if n, ok := percentOf(v); ok && n > 100 {
		return field.ErrorList{field.Invalid(p, v, "must not be greater than 100%")}
	}
	return nil
}

// count is a number of a workload's status.
type count struct {
	name  string
	value int32
}

// counts refuses negative numbers.
func counts(list ...count) (errs field.ErrorList) {
	for _, c := range list {
		errs = append(errs, nonNegative(statusPath.Child(c.name), c.value)...)
	}
	return errs
}

const (
	moreThanReplicas = "cannot be greater than status.replicas"
	moreThanReady    = "cannot be greater than readyReplicas"
)

// noMoreThan refuses numbers of a status that are greater than the one they are a part of.
func noMoreThan(whole int32, detail string, parts ...count) (errs field.ErrorList) {
	for _, c := range parts {
		if c.value > whole {
			errs = append(errs, field.Invalid(statusPath.Child(c.name), c.value, detail))
		}
	}
	return errs
}
