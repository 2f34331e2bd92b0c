// What was spent and what went wrong, as lists.

/** Fill the list of errors; the number of them. `failures`: what and how many seconds ago, oldest first. */
export function showFailures(list, failures, language, translate) {
  const ago = new Intl.RelativeTimeFormat(language, { numeric: "auto" });
  const items = failures.toReversed().map(({ what, ago_s: seconds }) => {
    const item = document.createElement("li");
    const when = document.createElement("span");
    when.className = "when";
    when.textContent = relative(ago, seconds);
    item.append(what, " ", when);
    return item;
  });
  if (!items.length) items.push(Object.assign(document.createElement("li"), { textContent: translate("failures.none") }));
  renew(list, items);
  return failures.length;
}

/** Fill the list of what was spent; today's money in words. */
export function showUsage(list, { spending, tokens }, language, translate) {
  const money = new Intl.NumberFormat(language, { style: "currency", currency: "USD", minimumFractionDigits: 2 });
  const number = new Intl.NumberFormat(language);
  const pair = (into, out) => translate("usage.in_out", { in: number.format(into), out: number.format(out) });
  const rows = [];
  let today = "";
  if (spending && "today_usd" in spending) {
    today = money.format(spending.today_usd);
    const told = spending.guessed ? translate("usage.guessed", { spent: today }) : today;
    rows.push([translate("usage.today"), capped(told, spending.daily_usd, money, translate)]);
    const month = money.format(spending.month_usd);
    rows.push([translate("usage.month"), capped(month, spending.monthly_usd, money, translate)]);
    if (spending.thrift !== "none") rows.push([translate("usage.thrift"), translate(`thrift.${spending.thrift}`)]);
  }
  if (tokens) {
    rows.push([translate("usage.text"), pair(tokens.text_in, tokens.text_out)]);
    rows.push([translate("usage.audio"), pair(tokens.audio_in, tokens.audio_out)]);
    if (tokens.image_in || tokens.image_out) rows.push([translate("usage.images"), pair(tokens.image_in, tokens.image_out)]);
    const cached = tokens.cached_text_in + tokens.cached_audio_in + tokens.cached_image_in;
    if (cached) rows.push([translate("usage.cached"), number.format(cached)]);
  }
  renew(
    list,
    rows.map(([name, value]) => {
      const row = document.createElement("div");
      row.append(
        Object.assign(document.createElement("dt"), { textContent: name }),
        Object.assign(document.createElement("dd"), { textContent: value }),
      );
      return row;
    }),
  );
  return today;
}

/** Where all of it reads the same it stays: somebody may be reading it, or have it read aloud. */
function renew(list, items) {
  const texts = (elements) => Array.from(elements, (each) => each.textContent).join("\n");
  if (texts(items) !== texts(list.children)) list.replaceChildren(...items);
}

function capped(spent, cap, money, translate) {
  return cap ? translate("usage.of", { spent, cap: money.format(cap) }) : spent;
}

function relative(ago, seconds) {
  if (seconds < 60) return ago.format(-Math.round(seconds), "second");
  if (seconds < 3600) return ago.format(-Math.round(seconds / 60), "minute");
  if (seconds < 86400) return ago.format(-Math.round(seconds / 3600), "hour");
  return ago.format(-Math.round(seconds / 86400), "day");
}
