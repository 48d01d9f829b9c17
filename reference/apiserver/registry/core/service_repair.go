package core

import (
	"context"
	"errors"
	"strconv"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/wait"
	genericapirequest "k8s.io/apiserver/pkg/endpoints/request"

	"github.com/etalon-dev/etalon/reference/apiserver/registry/allocator"
)

// leakedAfter is how old a number must be to count as leaked: older than any request that may still
// be about to store the Service it took the number for.
const leakedAfter = 2 * time.Minute

// readyPoll is how often repair asks whether the stores, whose caches fill as a server starts, can list.
const readyPoll = 100 * time.Millisecond

// repair makes the records of taken numbers agree with the Services that are stored.
func (r *serviceNumbers) repair(ctx context.Context) error {
	err := wait.PollUntilContextCancel(ctx, readyPoll, true, func(context.Context) (bool, error) {
		return errors.Join(r.services.ReadinessCheck(), r.addresses.ReadinessCheck(), r.ports.ReadinessCheck()) == nil, nil
	})
	if err != nil {
		return err
	}
	before := time.Now().Add(-leakedAfter)
	list, err := r.services.List(genericapirequest.WithNamespace(ctx, metav1.NamespaceAll), nil)
	if err != nil {
		return err
	}
	addresses, ports := map[string]allocator.Holder{}, map[string]allocator.Holder{}
	services := list.(*corev1.ServiceList).Items
	for i := range services {
		h := allocator.Holder{Namespace: services[i].Namespace, Name: services[i].Name}
		n := numbersOf(&services[i])
		for _, addr := range n.addresses {
			addresses[addr.String()] = h
		}
		for _, port := range n.ports {
			ports[strconv.Itoa(port)] = h
		}
	}
	return errors.Join(r.addresses.Repair(ctx, addresses, before), r.ports.Repair(ctx, ports, before))
}
