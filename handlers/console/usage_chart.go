package console

import (
	"slices"
	"time"

	"kiket.dev/auth/server/usage"
	"kiket.dev/auth/storage"
)

// The chart is so wide and high in its own units; the page stretches it.
const (
	chartWidth  = 900
	chartHeight = 120
)

// usageSpans are for how many days use is shown.
var usageSpans = []tab{{Name: "30 days", Value: "30"}, {Name: "90 days", Value: "90"}}

// usageChart is how often a credential was used, by day, for the template usage-chart.
type usageChart struct {
	Spans         []tab
	Days          int
	First, Last   time.Time // days
	Total, Most   int64
	Width, Height int
	Bars          []usageBar
	Used          []usedDay // on which it was used, the latest first
	Scoped        bool      // there was a use that named a scope
}

// usageBar is a day in the chart.
type usageBar struct {
	Day                 time.Time
	Uses                int64
	X, Y, Width, Height int
}

// usedDay is a day in the table below.
type usedDay struct {
	Day    time.Time
	Uses   int64
	Scopes []string // that uses named, in order
}

// usageDays is how many days the query asks for.
func (v *visit) usageDays() int {
	_, chosen := tabs(usageSpans, v.text("days"))
	return int(number(chosen))
}

// usage is how often a credential was used in the days that the query asks for.
func (c *Console) usage(v *visit, credential storage.CredentialID) (usageChart, error) {
	days, now := v.usageDays(), c.server.Clock()
	report, err := c.server.Reports.Of(v.context(), v.caller, v.organizationID(), credential, now.AddDate(0, 0, 1-days), now)
	if err != nil {
		return usageChart{}, err
	}
	spans, _ := tabs(usageSpans, v.text("days"))
	return newUsageChart(report, spans), nil
}

// newUsageChart draws what a report says.
func newUsageChart(report usage.Report, spans []tab) usageChart {
	chart := usageChart{
		Spans: spans, Days: int(report.Until.Sub(report.Since)/day24) + 1, Width: chartWidth, Height: chartHeight,
		First: report.Since, Last: report.Until,
	}
	for _, d := range slices.Backward(report.Days) {
		day := usedDay{Day: d.Day, Uses: d.Uses}
		for _, s := range d.Scopes {
			if s.Scope != "" {
				day.Scopes = append(day.Scopes, s.Scope)
				chart.Scoped = true
			}
		}
		chart.Used = append(chart.Used, day)
		chart.Total, chart.Most = chart.Total+day.Uses, max(chart.Most, day.Uses)
	}
	chart.draw()
	return chart
}

// draw makes a bar of each day on which there was a use, and of one use a line that can
// be seen.
func (c *usageChart) draw() {
	const least = 3
	step := chartWidth / c.Days
	for _, day := range c.Used {
		height := max(least, int(day.Uses*chartHeight/max(1, c.Most)))
		column := int(day.Day.Sub(c.First) / day24)
		c.Bars = append(c.Bars, usageBar{
			Day: day.Day, Uses: day.Uses, X: column * step, Width: step - max(1, step/6), Y: chartHeight - height, Height: height,
		})
	}
}
