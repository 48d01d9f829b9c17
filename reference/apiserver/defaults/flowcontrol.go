package defaults

import (
	flowcontrolv1 "k8s.io/api/flowcontrol/v1"
	"k8s.io/apimachinery/pkg/runtime"
)

func registerFlowcontrol(s *runtime.Scheme) {
	addWithList(s, setFlowSchema, func(l *flowcontrolv1.FlowSchemaList) []flowcontrolv1.FlowSchema { return l.Items })
	addWithList(s, setPriorityLevel, func(l *flowcontrolv1.PriorityLevelConfigurationList) []flowcontrolv1.PriorityLevelConfiguration {
		return l.Items
	})
}

func setFlowSchema(f *flowcontrolv1.FlowSchema) {
	orElse(&f.Spec.MatchingPrecedence, 1000)
}

// setPriorityLevel sets the numbers of https://kubernetes.io/docs/concepts/cluster-administration/flow-control/.
func setPriorityLevel(p *flowcontrolv1.PriorityLevelConfiguration) {
	if p.Spec.Type == flowcontrolv1.PriorityLevelEnablementExempt {
		orPointTo(&p.Spec.Exempt, flowcontrolv1.ExemptPriorityLevelConfiguration{})
	}
	if e := p.Spec.Exempt; e != nil {
		orPointTo(&e.NominalConcurrencyShares, 0)
		orPointTo(&e.LendablePercent, 0)
	}
	if l := p.Spec.Limited; l != nil {
		orPointTo(&l.NominalConcurrencyShares, 30)
		orPointTo(&l.LendablePercent, 0)
		if q := l.LimitResponse.Queuing; q != nil {
			orElse(&q.Queues, 64)
			orElse(&q.HandSize, 8)
			orElse(&q.QueueLengthLimit, 50)
		}
	}
}
