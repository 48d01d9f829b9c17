package core

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"strconv"
	"time"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/wait"
	genericapirequest "k8s.io/apiserver/pkg/endpoints/request"
	"k8s.io/apiserver/pkg/util/dryrun"
	"k8s.io/klog/v2"

	"github.com/etalon-dev/etalon/reference/apiserver/registry/allocator"
)

// leakedAfter is how old a number must be to count as leaked: older than any request that may still
// be about to store the Service it took the number for.
const leakedAfter = 2 * time.Minute

// readyPoll is how often repair asks whether the stores, whose caches fill as a server starts, can list.
const readyPoll = 100 * time.Millisecond

// The actions that repair tells of.
const (
	AddressAllocation = "ClusterIPAllocation"
	PortAllocation    = "PortAllocation"
)

// Tell makes an event of type Warning about an object.
type Tell func(about runtime.Object, reason, action, note string)

// repair makes the records of taken numbers agree with the Services that are stored, and tells of each
// difference in the words of kube-apiserver's repair controllers.
func (r *serviceNumbers) repair(ctx context.Context, tell Tell) error {
	err := wait.PollUntilContextCancel(ctx, readyPoll, true, func(context.Context) (bool, error) {
		return errors.Join(r.services.ReadinessCheck(), r.addresses[r.families[0]].ReadinessCheck(), r.ports.ReadinessCheck()) == nil, nil
	})
	if err != nil {
		return err
	}
	before := time.Now().Add(-leakedAfter)
	list, err := r.services.List(genericapirequest.WithNamespace(ctx, metav1.NamespaceAll), nil)
	if err != nil {
		return err
	}
	services := list.(*corev1.ServiceList).Items
	return errors.Join(
		r.addresses[r.families[0]].Repair(ctx, addressUsage(services, before, tell)),
		r.ports.Repair(ctx, portUsage(services, before, r.ports.Contains, tell)))
}

// addressUsage is what the Services use of cluster IPs. Of two that use the same, the older has it.
func addressUsage(services []corev1.Service, before time.Time, tell Tell) allocator.Usage {
	used, user := map[string]allocator.Holder{}, map[string]*corev1.Service{}
	for i := range services {
		s := &services[i]
		for _, addr := range numbersOf(s).addresses {
			name := addr.String()
			older, younger := user[name], s
			if older != nil && s.CreationTimestamp.Before(&older.CreationTimestamp) {
				older, younger = s, older
			}
			if older == nil {
				older = s
			} else {
				tell(younger, "ClusterIPAlreadyAllocated", AddressAllocation,
					fmt.Sprintf("Cluster IP [%s]: %s was assigned to multiple services; please recreate service", familyOf(addr), name))
			}
			used[name], user[name] = holderOf(older), older
		}
	}
	return allocator.Usage{
		Used: used, Before: before,
		Missing: func(name string, _ allocator.Holder) {
			addr, _ := netip.ParseAddr(name)
			tell(user[name], "ClusterIPNotAllocated", AddressAllocation,
				fmt.Sprintf("Cluster IP [%s]: %s is not allocated; repairing", familyOf(addr), name))
		},
		Leaked: func(name string, h allocator.Holder) {
			tell(&networkingv1.IPAddress{ObjectMeta: metav1.ObjectMeta{Name: name}}, "IPAddressNotAllocated", AddressAllocation,
				fmt.Sprintf("IPAddress: %s for Service %s appears to have leaked: cleaning up", name, h))
		},
	}
}

// portUsage is what the Services use of node ports.
func portUsage(services []corev1.Service, before time.Time, inRange func(int) bool, tell Tell) allocator.Usage {
	used, user := map[string]allocator.Holder{}, map[string]*corev1.Service{}
	for i := range services {
		s := &services[i]
		for _, port := range numbersOf(s).ports {
			name := strconv.Itoa(port)
			switch {
			case user[name] != nil:
				tell(s, "PortAlreadyAllocated", PortAllocation, fmt.Sprintf("Port %d was assigned to multiple services; please recreate service", port))
				continue
			case !inRange(port):
				tell(s, "PortOutOfRange", PortAllocation, fmt.Sprintf("Port %d is not within the port range; please recreate service", port))
				continue
			}
			used[name], user[name] = holderOf(s), s
		}
	}
	return allocator.Usage{
		Used: used, Before: before,
		Missing: func(name string, _ allocator.Holder) {
			tell(user[name], "PortNotAllocated", PortAllocation, fmt.Sprintf("Port %s is not allocated; repairing", name))
		},
		Leaked: func(string, allocator.Holder) {}, // nobody is left to tell
	}
}

func holderOf(s *corev1.Service) allocator.Holder {
	return allocator.Holder{Namespace: s.Namespace, Name: s.Name}
}

// afterAddressDeleted records an address again that somebody deleted while a Service uses it.
func (r *serviceNumbers) afterAddressDeleted(obj runtime.Object, options *metav1.DeleteOptions) {
	ref := obj.(*networkingv1.IPAddress).Spec.ParentRef
	addr, err := netip.ParseAddr(obj.(*networkingv1.IPAddress).Name)
	if err != nil || ref == nil || ref.Group != "" || ref.Resource != "services" || options != nil && dryrun.IsDryRun(options.DryRun) {
		return
	}
	ctx, cancel := context.WithTimeout(genericapirequest.NewContext(), settleTimeout)
	defer cancel()
	h := allocator.Holder{Namespace: ref.Namespace, Name: ref.Name}
	s, err := r.get(ctx, h)
	if err == nil {
		if s == nil {
			return
		}
		if n := numbersOf(s); s.DeletionTimestamp != nil || !n.hasAddress(addr) {
			return
		}
	}
	if allocate, ok := r.addresses[familyOf(addr)]; ok && err == nil {
		err = allocate.Take(ctx, addr, allocator.Claim{Holder: h})
	}
	if err != nil {
		klog.FromContext(ctx).Error(err, "A cluster IP stays unrecorded until the next repair", "service", h, "address", addr)
	}
}
