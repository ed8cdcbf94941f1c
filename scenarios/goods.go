package scenarios

import (
	"fmt"
	"math/rand/v2"

	"github.com/payquake/payquake/payment"
)

// maxQuantity is the most of one thing in a line of an order.
const maxQuantity = 1_000_000

// goods are names with every kind of character that shops have stumbled over:
// what looks like markup, code or a format, what is wide, joined or written
// from right to left. Each is short enough for a provider's description.
func goods() []string {
	return []string{
		"tea", "绿茶 250g", "Crème brûlée", `the "good" one`, "it's 5 o'clock", "<b>bold & sold</b>", "50% off %s %d",
		"back\\slash/and/slash", "emoji 🍵🎁", "👩‍👩‍👧 family box", "a=1&b=2?c#d", "名前は「お茶」", "שלום", "${PATH} {{.Name}}",
		"'; DROP TABLE orders; --", "x, y; z: w", "noodles (大) 【辣】", "naïve ﬁle № 5", "1,000.00", "null", "true",
		"~!@#$%^&*()_+|", "é combining", "İstanbul çay", "-1", "[1] * 2 \"quoted\"", "٠١٢٣", "🇨🇳🇪🇺",
	}
}

// linesFor draws what is bought for a total: one thing, several of one, or
// several things, so that sums and products are formed on the way.
func linesFor(total int64, random *rand.Rand) []Line {
	name := func() string { return goods()[random.IntN(len(goods()))] }
	line := func(quantity, price int64) Line {
		return Line{Name: name(), Quantity: quantity, Price: payment.Fen(price)}
	}
	switch shape := random.IntN(4); {
	case shape == 0 && total >= 3:
		first := 1 + random.Int64N(total-1)
		return []Line{line(1, first), line(1, total-first)}
	case shape == 1:
		// As many of one thing as divide the total, at most twelve.
		for quantity := int64(12); quantity > 1; quantity-- {
			if total%quantity == 0 {
				return []Line{line(quantity, total/quantity)}
			}
		}
	case shape == 2 && total >= 10:
		quantity := 2 + random.Int64N(5)
		price := 1 + random.Int64N(total/(quantity+1))
		return []Line{line(quantity, price), line(1, total-quantity*price)}
	}
	return []Line{line(1, total)}
}

// basketFor is what is bought of two or three shops for a total.
func basketFor(total int64, random *rand.Rand) []Line {
	shops := 2 + random.Int64N(2)
	var lines []Line
	for n := range shops {
		price := total
		if left := shops - n - 1; left > 0 {
			price = 1 + random.Int64N(total-left)
		}
		total -= price
		lines = append(lines, Line{Name: goods()[random.IntN(len(goods()))], Quantity: 1, Price: payment.Fen(price),
			Shop: fmt.Sprintf("shop-%d", n+1)})
	}
	return lines
}

// Good is a thing that a merchant sells at its own price.
type Good struct {
	ID    string
	Price payment.Money
	Stock int // how many there are; 0 if there is no end of them
}

// perTrial is how many times a trial may buy its goods: with every order of its
// journey, and again once faults have healed.
const perTrial = 4

// sell gives each trial something of what there is: goods in turn, from a drawn
// one on, one or two of them, such that the total suits its faults. Trials may
// have the same total.
func sell(trials []Trial, goods []Good, random *rand.Rand) error {
	left := make([]int, len(goods))
	for i, good := range goods {
		left[i] = good.Stock
	}
	next := random.IntN(len(goods))
	for i := range trials {
		chosen, quantity := -1, int64(0)
		for try := range 2 * len(goods) {
			at, many := (next+try)%len(goods), int64(1+(i+try)%2)
			inStock := goods[at].Stock == 0 || left[at] >= perTrial*int(many)
			if inStock && fits(trials[i], goods[at].Price.Minor*many) {
				chosen, quantity = at, many
				break
			}
		}
		if chosen < 0 {
			return fmt.Errorf("trial %s has nothing to buy: the catalogue's stock is too small for so many trials, or no price suits its faults "+
				"(an amount that is to be changed is above 1.00 and no whole number of yuan)", trials[i].ID)
		}
		good := goods[chosen]
		left[chosen] -= perTrial * int(quantity)
		trials[i].Lines = []Line{{Product: good.ID, Name: good.ID, Quantity: quantity, Price: good.Price}}
		trials[i].Total = payment.Money{Minor: good.Price.Minor * quantity, Currency: good.Price.Currency}
		next = chosen + 1
	}
	return nil
}
