package eviction

import (
	"fmt"
	"strings"

	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
)

// Reason is that of an evicted pod's status, and of the event.
const Reason = "Evicted"

// Annotations of the event Evicted: which containers used more than they asked for, how much, and of what.
const (
	offendersAnnotation = "offending_containers"
	usageAnnotation     = "offending_containers_usage"
	starvedAnnotation   = "starved_resource"
)

// Message tells the pod's users why it had to go, and returns the annotations of the event.
func Message(t Threshold, o Observation, u Usage) (string, map[string]string) {
	short := t.Signal.Resource()
	text := fmt.Sprintf("The node was low on resource: %v. Threshold quantity: %s, available: %s. ",
		short, t.Signal.show(t.Value.Of(o.Capacity)), t.Signal.show(o.Available))
	annotations := map[string]string{starvedAnnotation: string(short)}
	var names, amounts []string
	for _, list := range [][]v1.Container{u.Pod.Spec.InitContainers, u.Pod.Spec.Containers} {
		for i := range list {
			c := &list[i]
			used, known := u.Containers[c.Name]
			var amount *resource.Quantity
			switch short {
			case v1.ResourceMemory:
				amount = resource.NewQuantity(used.Memory, resource.BinarySI)
			case v1.ResourceEphemeralStorage:
				amount = resource.NewQuantity(used.Layer+used.Logs, resource.BinarySI)
			default:
				continue
			}
			request := c.Resources.Requests[short]
			if !known || amount.Cmp(request) <= 0 {
				continue
			}
			text += fmt.Sprintf("Container %s was using %s, request is %s, has larger consumption of %v. ", c.Name, amount, request.String(), short)
			names, amounts = append(names, c.Name), append(amounts, amount.String())
		}
	}
	if len(names) > 0 {
		annotations[offendersAnnotation], annotations[usageAnnotation] = strings.Join(names, ","), strings.Join(amounts, ",")
	}
	return text, annotations
}
