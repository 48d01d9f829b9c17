package core

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metainternalversion "k8s.io/apimachinery/pkg/apis/meta/internalversion"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apiserver/pkg/registry/rest"

	"github.com/etalon-dev/etalon/reference/apiserver/registry/generic"
)

// ComponentCheck asks a part of the control plane how it is: its answer when it is well, or what is wrong.
type ComponentCheck func(context.Context) (string, error)

// componentStatuses is the componentstatuses resource, which is deprecated since v1.19. Nothing is stored: each request
// asks the components.
type componentStatuses struct {
	checks map[string]ComponentCheck
	table  rest.TableConvertor
}

var _ interface {
	rest.Scoper
	rest.Lister
	rest.Getter
	rest.ShortNamesProvider
	rest.SingularNameProvider
} = &componentStatuses{}

// NewComponentStatuses is the storage of the componentstatuses resource: one object for each check, by its name.
func NewComponentStatuses(checks map[string]ComponentCheck) rest.Storage {
	return &componentStatuses{checks, generic.NewTable(componentColumns)}
}

var componentColumns = []generic.Column[*corev1.ComponentStatus]{
	generic.Name[*corev1.ComponentStatus](),
	{Name: "Status", Doc: "Status of the component conditions", Cell: func(c *corev1.ComponentStatus) any {
		for _, condition := range c.Conditions {
			if condition.Type == corev1.ComponentHealthy {
				if condition.Status == corev1.ConditionTrue {
					return "Healthy"
				}
				return "Unhealthy"
			}
		}
		return "Unknown"
	}},
	{Name: "Message", Doc: "Message of the component conditions", Cell: func(c *corev1.ComponentStatus) any { return healthOf(c).Message }},
	{Name: "Error", Doc: "Error of the component conditions", Cell: func(c *corev1.ComponentStatus) any { return healthOf(c).Error }},
}

func healthOf(c *corev1.ComponentStatus) corev1.ComponentCondition {
	for _, condition := range c.Conditions {
		if condition.Type == corev1.ComponentHealthy {
			return condition
		}
	}
	return corev1.ComponentCondition{}
}

func (*componentStatuses) New() runtime.Object     { return &corev1.ComponentStatus{} }
func (*componentStatuses) NewList() runtime.Object { return &corev1.ComponentStatusList{} }
func (*componentStatuses) Destroy()                {}
func (*componentStatuses) NamespaceScoped() bool   { return false }
func (*componentStatuses) GetSingularName() string { return "componentstatus" }
func (*componentStatuses) ShortNames() []string    { return []string{"cs"} }

// Get implements rest.Getter.
func (r *componentStatuses) Get(ctx context.Context, name string, _ *metav1.GetOptions) (runtime.Object, error) {
	check, ok := r.checks[name]
	if !ok {
		return nil, apierrors.NewNotFound(corev1.Resource("componentstatus"), name)
	}
	return askComponent(ctx, name, check), nil
}

// List implements rest.Lister; all components are asked at once.
func (r *componentStatuses) List(ctx context.Context, options *metainternalversion.ListOptions) (runtime.Object, error) {
	label, field := labels.Everything(), fields.Everything()
	if options != nil && options.LabelSelector != nil {
		label = options.LabelSelector
	}
	if options != nil && options.FieldSelector != nil {
		field = options.FieldSelector
	}
	list := &corev1.ComponentStatusList{Items: []corev1.ComponentStatus{}}
	var mu sync.Mutex
	var asked sync.WaitGroup
	for name, check := range r.checks {
		if !label.Matches(labels.Set{}) || !field.Matches(fields.Set{"metadata.name": name}) {
			continue
		}
		asked.Go(func() {
			status := askComponent(ctx, name, check)
			mu.Lock()
			defer mu.Unlock()
			list.Items = append(list.Items, *status)
		})
	}
	asked.Wait()
	slices.SortFunc(list.Items, func(a, b corev1.ComponentStatus) int { return strings.Compare(a.Name, b.Name) })
	return list, nil
}

func askComponent(ctx context.Context, name string, check ComponentCheck) *corev1.ComponentStatus {
	condition := corev1.ComponentCondition{Type: corev1.ComponentHealthy, Status: corev1.ConditionTrue}
	message, err := check(ctx)
	condition.Message = message
	if err != nil {
		condition.Status, condition.Error = corev1.ConditionFalse, fmt.Sprint(err)
	}
	return &corev1.ComponentStatus{ObjectMeta: metav1.ObjectMeta{Name: name}, Conditions: []corev1.ComponentCondition{condition}}
}

// ConvertToTable implements rest.TableConvertor.
func (r *componentStatuses) ConvertToTable(ctx context.Context, obj, options runtime.Object) (*metav1.Table, error) {
	return r.table.ConvertToTable(ctx, obj, options)
}
