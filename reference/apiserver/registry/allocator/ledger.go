package allocator

import (
	"context"
	"errors"
	"fmt"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	genericapirequest "k8s.io/apiserver/pkg/endpoints/request"
	genericregistry "k8s.io/apiserver/pkg/registry/generic/registry"
)

// Errors as users know them; callers say which number of which Service.
var (
	ErrFull              = errors.New("range is full")
	ErrAddressAllocated  = errors.New("provided IP is already allocated")
	ErrAddressNotInRange = errors.New("the provided network does not match the current range")
	ErrPortAllocated     = errors.New("provided port is already allocated")
)

// Holder is the Service that holds a number.
type Holder = types.NamespacedName

// ledger is the record of who holds which name.
type ledger struct {
	store  *genericregistry.Store
	record func(name string, h Holder) runtime.Object
	holder func(runtime.Object) Holder
	taken  error // what take says of a name that another holds
}

// Claim says for whom a number is to be taken.
type Claim struct {
	Holder Holder
	// DryRun only looks whether the number is free.
	DryRun bool
}

// take records a claim to name. It returns taken if the name is anybody's already.
func (l *ledger) take(ctx context.Context, name string, c Claim) error {
	ctx = genericapirequest.WithNamespace(ctx, metav1.NamespaceNone)
	_, err := l.store.Create(ctx, l.record(name, c.Holder), nil, &metav1.CreateOptions{DryRun: dryRunAll(c.DryRun)})
	if apierrors.IsAlreadyExists(err) {
		return l.taken
	}
	return err
}

// takeOver is take for a name that the user chose. What the holder has already, it keeps: the record
// may be left over from an attempt to store this very Service that failed or whose server died.
func (l *ledger) takeOver(ctx context.Context, name string, c Claim) error {
	err := l.take(ctx, name, c)
	if !errors.Is(err, l.taken) {
		return err
	}
	obj, err := l.store.Get(genericapirequest.WithNamespace(ctx, metav1.NamespaceNone), name, &metav1.GetOptions{})
	if apierrors.IsNotFound(err) || err == nil && l.holder(obj) != c.Holder {
		return l.taken
	}
	return err
}

// release ends h's hold of name; it is no error if h does not hold it.
func (l *ledger) release(ctx context.Context, name string, h Holder) error {
	ctx = genericapirequest.WithNamespace(ctx, metav1.NamespaceNone)
	errOther := errors.New("held by another")
	_, _, err := l.store.Delete(ctx, name, func(_ context.Context, obj runtime.Object) error {
		if l.holder(obj) != h {
			return errOther
		}
		return nil
	}, &metav1.DeleteOptions{})
	if apierrors.IsNotFound(err) || errors.Is(err, errOther) {
		return nil
	}
	return err
}

// entry is one line of the ledger.
type entry struct {
	holder Holder
	since  time.Time
}

func (l *ledger) entries(ctx context.Context) (map[string]entry, error) {
	list, err := l.store.List(genericapirequest.WithNamespace(ctx, metav1.NamespaceNone), nil)
	if err != nil {
		return nil, err
	}
	out := map[string]entry{}
	err = meta.EachListItem(list, func(obj runtime.Object) error {
		m, err := meta.Accessor(obj)
		if err != nil {
			return err
		}
		out[m.GetName()] = entry{l.holder(obj), m.GetCreationTimestamp().Time}
		return nil
	})
	return out, err
}

// Usage is what Services use of a ledger, for repair. Repair takes the names that are used and not
// recorded, and releases those that a Service was given before a time and does not use.
type Usage struct {
	Used   map[string]Holder
	Before time.Time
	// Missing and Leaked are told of each name before it is taken or released.
	Missing, Leaked func(name string, h Holder)
}

func (l *ledger) repair(ctx context.Context, u Usage) error {
	entries, err := l.entries(ctx)
	if err != nil {
		return err
	}
	var errs []error
	for name, h := range u.Used {
		if _, ok := entries[name]; !ok {
			u.Missing(name, h)
			errs = append(errs, wrap(l.takeOver(ctx, name, Claim{Holder: h}), "take", name, h))
		}
	}
	for name, e := range entries {
		if e.holder.Name != "" && u.Used[name] != e.holder && e.since.Before(u.Before) {
			u.Leaked(name, e.holder)
			errs = append(errs, wrap(l.release(ctx, name, e.holder), "release", name, e.holder))
		}
	}
	return errors.Join(errs...)
}

func wrap(err error, verb, name string, h Holder) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s %s of Service %s: %w", verb, name, h, err)
}

func dryRunAll(dryRun bool) []string {
	if dryRun {
		return []string{metav1.DryRunAll}
	}
	return nil
}
