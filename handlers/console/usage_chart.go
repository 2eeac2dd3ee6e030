package console

import (
	"maps"
	"slices"
	"time"

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

// newUsageChart draws counts of the last days, today being the last.
func newUsageChart(counts []storage.UseCount, days int, today time.Time, spans []tab) usageChart {
	chart := usageChart{
		Spans: spans, Days: days, Width: chartWidth, Height: chartHeight,
		First: storage.DayOf(today).AddDate(0, 0, 1-days), Last: storage.DayOf(today),
	}
	used := map[time.Time]usedDay{}
	for _, count := range counts {
		day := used[count.Day]
		day.Day, day.Uses = count.Day, day.Uses+count.Uses
		if count.Scope != "" && !slices.Contains(day.Scopes, count.Scope) {
			day.Scopes = append(day.Scopes, count.Scope)
			chart.Scoped = true
		}
		used[count.Day] = day
	}
	for _, at := range slices.SortedFunc(maps.Keys(used), func(a, b time.Time) int { return b.Compare(a) }) {
		day := used[at]
		slices.Sort(day.Scopes)
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
		height := max(least, int(day.Uses*chartHeight/c.Most))
		column := int(day.Day.Sub(c.First) / day24)
		c.Bars = append(c.Bars, usageBar{
			Day: day.Day, Uses: day.Uses, X: column * step, Width: step - max(1, step/6), Y: chartHeight - height, Height: height,
		})
	}
}
