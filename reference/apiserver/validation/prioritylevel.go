package validation

import (
	"fmt"

	flowcontrolv1 "k8s.io/api/flowcontrol/v1"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"k8s.io/apiserver/pkg/apis/flowcontrol/bootstrap"
)

const (
	maxQueues   = 10_000_000
	maxHandBits = 60
)

// PriorityLevelConfiguration checks a new PriorityLevelConfiguration.
func PriorityLevelConfiguration(c *flowcontrolv1.PriorityLevelConfiguration) field.ErrorList {
	s := &c.Spec
	errs := newMeta(&c.ObjectMeta, clusterScoped, subdomainName)
	if exempt := c.Name == flowcontrolv1.PriorityLevelConfigurationNameExempt; exempt != (s.Type == flowcontrolv1.PriorityLevelEnablementExempt) {
		errs = append(errs, field.Invalid(specPath.Child("type"), s.Type, "type must be 'Exempt' if and only if name is 'exempt'"))
	}
	switch s.Type {
	case flowcontrolv1.PriorityLevelEnablementExempt:
		if s.Limited != nil {
			errs = append(errs, field.Forbidden(specPath.Child("limited"), "must be nil if the type is not Limited"))
		}
		if s.Exempt != nil {
			errs = append(errs, nonNegativePtr(specPath.Child("exempt", "nominalConcurrencyShares"), s.Exempt.NominalConcurrencyShares)...)
			errs = append(errs, percent(specPath.Child("exempt", "lendablePercent"), s.Exempt.LendablePercent)...)
		}
	case flowcontrolv1.PriorityLevelEnablementLimited:
		if s.Exempt != nil {
			errs = append(errs, field.Forbidden(specPath.Child("exempt"), "must be nil if the type is Limited"))
		}
		if s.Limited == nil {
			errs = append(errs, field.Required(specPath.Child("limited"), "must not be empty when type is Limited"))
		} else {
			errs = append(errs, limitedLevel(specPath.Child("limited"), s.Limited)...)
		}
	default:
		errs = append(errs, field.NotSupported(specPath.Child("type"), s.Type, []flowcontrolv1.PriorityLevelEnablement{
			flowcontrolv1.PriorityLevelEnablementExempt, flowcontrolv1.PriorityLevelEnablementLimited}))
	}
	return append(errs, mandatoryLevel(c)...)
}

// mandatoryLevel keeps the levels that the server cannot do without as they are; how much of the server's
// concurrency the exempt one counts for and lends is for administrators to say.
func mandatoryLevel(c *flowcontrolv1.PriorityLevelConfiguration) field.ErrorList {
	for _, mandatory := range bootstrap.MandatoryPriorityLevelConfigurations {
		if c.Name != mandatory.Name {
			continue
		}
		have, detail := c.Spec, "spec of '%s' must equal the fixed value"
		if c.Name == flowcontrolv1.PriorityLevelConfigurationNameExempt {
			have.Exempt, detail = mandatory.Spec.Exempt, "spec of '%s' except the 'spec.exempt' field must equal the fixed value"
		}
		if !equal(have, mandatory.Spec) {
			return field.ErrorList{field.Invalid(specPath, c.Spec, fmt.Sprintf(detail, c.Name))}
		}
	}
	return nil
}

func percent(p *field.Path, n *int32) field.ErrorList {
	if n != nil && (*n < 0 || *n > 100) {
		return field.ErrorList{field.Invalid(p, *n, "must be between 0 and 100, inclusive")}
	}
	return nil
}

func limitedLevel(p *field.Path, l *flowcontrolv1.LimitedPriorityLevelConfiguration) field.ErrorList {
	errs := nonNegativePtr(p.Child("nominalConcurrencyShares"), l.NominalConcurrencyShares)
	errs = append(errs, percent(p.Child("lendablePercent"), l.LendablePercent)...)
	errs = append(errs, nonNegativePtr(p.Child("borrowingLimitPercent"), l.BorrowingLimitPercent)...)
	response := p.Child("limitResponse")
	switch l.LimitResponse.Type {
	case flowcontrolv1.LimitResponseTypeReject:
		if l.LimitResponse.Queuing != nil {
			errs = append(errs, field.Forbidden(response.Child("queuing"), "must be nil if limited.limitResponse.type is not Limited"))
		}
	case flowcontrolv1.LimitResponseTypeQueue:
		if l.LimitResponse.Queuing == nil {
			errs = append(errs, field.Required(response.Child("queuing"), "must not be empty if limited.limitResponse.type is Limited"))
		} else {
			errs = append(errs, queuing(response.Child("queuing"), l.LimitResponse.Queuing)...)
		}
	default:
		errs = append(errs, field.NotSupported(response.Child("type"), l.LimitResponse.Type,
			[]flowcontrolv1.LimitResponseType{flowcontrolv1.LimitResponseTypeQueue, flowcontrolv1.LimitResponseTypeReject}))
	}
	return errs
}

// queuing also bounds the entropy that dealing a hand of queues takes from a 64-bit hash.
func queuing(p *field.Path, q *flowcontrolv1.QueuingConfiguration) (errs field.ErrorList) {
	positive := func(name string, n int32) {
		if n <= 0 {
			errs = append(errs, field.Invalid(p.Child(name), n, "must be positive"))
		}
	}
	positive("queueLengthLimit", q.QueueLengthLimit)
	positive("queues", q.Queues)
	positive("handSize", q.HandSize)
	if q.Queues > maxQueues {
		errs = append(errs, field.Invalid(p.Child("queues"), q.Queues, fmt.Sprintf("must not be greater than %d", maxQueues)))
	}
	if q.HandSize > q.Queues {
		errs = append(errs, field.Invalid(p.Child("handSize"), q.HandSize, fmt.Sprintf("should not be greater than queues (%d)", q.Queues)))
	} else if bits := handBits(q.Queues, q.HandSize); bits > maxHandBits {
		errs = append(errs, field.Invalid(p.Child("handSize"), q.HandSize,
			fmt.Sprintf("required entropy bits of deckSize %d and handSize %d should not be greater than %d", q.Queues, q.HandSize, maxHandBits)))
	}
	return errs
}

// handBits is how many bits it takes to choose an ordered hand from a deck.
func handBits(deck, hand int32) int {
	bits, product := 0, uint64(1)
	for i := int32(0); i < hand && bits <= maxHandBits; i++ {
		product *= uint64(deck - i)
		for product >= 1<<32 {
			product >>= 1
			bits++
		}
	}
	for product > 1 {
		product >>= 1
		bits++
	}
	return bits
}

// PriorityLevelConfigurationUpdate checks a replacement; everything may change.
func PriorityLevelConfigurationUpdate(c, old *flowcontrolv1.PriorityLevelConfiguration) field.ErrorList {
	return append(updatedMeta(&c.ObjectMeta, &old.ObjectMeta), PriorityLevelConfiguration(c)...)
}

// PriorityLevelConfigurationStatusUpdate checks a write to the status.
func PriorityLevelConfigurationStatusUpdate(c, old *flowcontrolv1.PriorityLevelConfiguration) field.ErrorList {
	errs := updatedMeta(&c.ObjectMeta, &old.ObjectMeta)
	seen := map[flowcontrolv1.PriorityLevelConfigurationConditionType]bool{}
	for i, cond := range c.Status.Conditions {
		at := statusPath.Child("conditions").Index(i)
		errs = append(errs, required(at.Child("type"), string(cond.Type))...)
		if seen[cond.Type] {
			errs = append(errs, field.Duplicate(at.Child("type"), cond.Type))
		}
		seen[cond.Type] = true
	}
	return errs
}
