package allocator_test

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"sync"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apiserver/pkg/registry/generic"

	"github.com/etalon-dev/etalon/reference/apiserver/registry/allocator"
	"github.com/etalon-dev/etalon/reference/apiserver/registry/networking"
	"github.com/etalon-dev/etalon/reference/apiserver/registry/registrytest"
)

func addresses(t *testing.T, getter generic.RESTOptionsGetter, prefix string) *allocator.Addresses {
	t.Helper()
	store, err := networking.IPAddresses.Store(getter)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(store.Destroy)
	registrytest.WaitReady(t, store)
	return allocator.NewAddresses(store, corev1.IPv4Protocol, allocator.Fixed(netip.MustParsePrefix(prefix)))
}

func claim(name string) allocator.Claim {
	return allocator.Claim{Holder: allocator.Holder{Namespace: "default", Name: name}}
}

// Two servers on one etcd hand out a whole range to concurrent requests: each address once, then none.
func TestAddressesAreHandedOutOnce(t *testing.T) {
	getter := registrytest.Getter(t)
	servers := []*allocator.Addresses{addresses(t, getter, "10.0.0.0/27"), addresses(t, getter, "10.0.0.0/27")}
	const size = 30
	var (
		mu     sync.Mutex
		wg     sync.WaitGroup
		holder = map[netip.Addr]string{}
		full   int
	)
	for i := range size + 5 {
		wg.Go(func() {
			name := fmt.Sprintf("service-%d", i)
			addr, err := servers[i%2].TakeAny(context.Background(), claim(name))
			mu.Lock()
			defer mu.Unlock()
			if errors.Is(err, allocator.ErrFull) {
				full++
				return
			}
			if err != nil {
				t.Errorf("%s: %v", name, err)
			}
			if other := holder[addr]; other != "" {
				t.Errorf("%s was given to %s and to %s", addr, other, name)
			}
			holder[addr] = name
		})
	}
	wg.Wait()
	if len(holder) != size || full != 5 {
		t.Errorf("gave %d addresses and refused %d times, want %d and 5", len(holder), full, size)
	}
}

func TestAddressTakeAndRelease(t *testing.T) {
	ctx := context.Background()
	a := addresses(t, registrytest.Getter(t), "10.0.0.0/24")
	addr := netip.MustParseAddr("10.0.0.7")
	mine, other := claim("mine"), claim("other")

	dry := mine
	dry.DryRun = true
	for _, step := range []struct {
		what string
		do   func() error
		want error
	}{
		{"look", func() error { return a.Take(ctx, addr, dry) }, nil},
		{"take", func() error { return a.Take(ctx, addr, mine) }, nil},
		{"take again what is one's own", func() error { return a.Take(ctx, addr, mine) }, nil},
		{"take what is another's", func() error { return a.Take(ctx, addr, other) }, allocator.ErrAddressAllocated},
		{"release what is another's", func() error { return a.Release(ctx, addr, other.Holder) }, nil},
		{"so it is still taken", func() error { return a.Take(ctx, addr, other) }, allocator.ErrAddressAllocated},
		{"release", func() error { return a.Release(ctx, addr, mine.Holder) }, nil},
		{"release twice", func() error { return a.Release(ctx, addr, mine.Holder) }, nil},
		{"now it is free", func() error { return a.Take(ctx, addr, other) }, nil},
		{"outside", func() error { return a.Take(ctx, netip.MustParseAddr("10.0.1.1"), mine) }, allocator.ErrAddressNotInRange},
	} {
		if err := step.do(); !errors.Is(err, step.want) {
			t.Fatalf("%s: %v, want %v", step.what, err, step.want)
		}
	}
	for _, edge := range []string{"10.0.0.0", "10.0.0.255"} { // the network's own, and the broadcast
		want := "the provided IP (" + edge + ") is not in the valid range. The range of valid IPs is 10.0.0.0/24"
		if err := a.Take(ctx, netip.MustParseAddr(edge), mine); err == nil || err.Error() != want {
			t.Errorf("got %v, want %s", err, want)
		}
	}
}

func TestPorts(t *testing.T) {
	ctx := context.Background()
	ports, err := allocator.NewPorts(registrytest.Getter(t), allocator.PortRange{Min: 30000, Max: 30004})
	if err != nil {
		t.Fatal(err)
	}
	if err := ports.Take(ctx, 30002, claim("a")); err != nil {
		t.Fatal(err)
	}
	if err := ports.Take(ctx, 30002, claim("b")); !errors.Is(err, allocator.ErrPortAllocated) {
		t.Errorf("a taken port: %v", err)
	}
	want := "provided port is not in the valid range. The range of valid ports is 30000-30004"
	if err := ports.Take(ctx, 30005, claim("b")); err == nil || err.Error() != want {
		t.Errorf("a port outside: %v", err)
	}
	got := map[int]bool{30002: true}
	for range 4 {
		port, err := ports.TakeAny(ctx, claim("c"))
		if err != nil || got[port] {
			t.Fatalf("TakeAny: %d, %v", port, err)
		}
		got[port] = true
	}
	if _, err := ports.TakeAny(ctx, claim("d")); !errors.Is(err, allocator.ErrFull) {
		t.Errorf("a full range: %v", err)
	}
}

// Repair takes what is used without a record, and releases what has been held in vain for long enough.
func TestRepair(t *testing.T) {
	ctx := context.Background()
	a := addresses(t, registrytest.Getter(t), "10.0.0.0/24")
	kept, leaked, lost := netip.MustParseAddr("10.0.0.1"), netip.MustParseAddr("10.0.0.2"), netip.MustParseAddr("10.0.0.3")
	for addr, name := range map[netip.Addr]string{kept: "kept", leaked: "leaked"} {
		if err := a.Take(ctx, addr, claim(name)); err != nil {
			t.Fatal(err)
		}
	}
	missing, found := []string{}, []string{}
	usage := allocator.Usage{
		Missing: func(name string, _ allocator.Holder) { missing = append(missing, name) },
		Leaked:  func(name string, _ allocator.Holder) { found = append(found, name) },
	}
	usage.Used = map[string]allocator.Holder{kept.String(): claim("kept").Holder, lost.String(): claim("lost").Holder}
	check := func(what string, addr netip.Addr, want error) {
		t.Helper()
		dry := claim("newcomer")
		dry.DryRun = true
		if err := a.Take(ctx, addr, dry); !errors.Is(err, want) {
			t.Errorf("%s: %v, want %v", what, err, want)
		}
	}
	usage.Before = time.Now().Add(-time.Hour)
	if err := a.Repair(ctx, usage); err != nil {
		t.Fatal(err)
	}
	check("a young leak may be a request under way", leaked, allocator.ErrAddressAllocated)
	check("a use without a record is recorded", lost, allocator.ErrAddressAllocated)
	usage.Before = time.Now().Add(time.Hour)
	if err := a.Repair(ctx, usage); err != nil {
		t.Fatal(err)
	}
	check("an old leak is released", leaked, nil)
	check("what is used stays", kept, allocator.ErrAddressAllocated)
	if !slices.Equal(missing, []string{lost.String()}) || !slices.Equal(found, []string{leaked.String()}) {
		t.Errorf("told of %v missing, %v leaked", missing, found)
	}
}
