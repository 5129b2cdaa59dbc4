public import Observations

/// What a rain gauge's tips lead to.
extension Station {
  /// Raises, updates or clears the one alert of a gauge's amounts.
  mutating func judgeAmounts(_ index: Int, at moment: Moment, into effects: inout Effects) {
    guard let change = channels[index].rain?.judgeAmounts(at: moment.monotonic) else { return }
    let position = book.index(of: .rain, for: channels[index].plan.id)
    if let position, change.worst == nil {
      let alert = book.active[position].alert
      let content = AlertContent(
        severity: alert.severity, urgency: .past, observed: observedRain(index, alert.observed, at: moment))
      clear(position, reason: "released", content: content, at: moment, into: &effects)
    } else if let position, let shown = change.reached ?? change.worst {
      // An amount that leaves behind a worse one is no news.
      guard change.reached != nil || change.worst != change.worstBefore else {
        return saveRain(index, at: moment, into: &effects)
      }
      update(
        position, reason: "amount", content: rainContent(index, shown, at: moment), isNews: change.reached != nil,
        at: moment, into: &effects)
    } else if let reached = change.reached {
      raise(
        .rain, channel: index, onset: moment, content: rainContent(index, reached, at: moment), at: moment,
        into: &effects)
      noteRise(index, .rain, over: 0...0, at: moment, into: &effects)
    }
    saveRain(index, at: moment, into: &effects)
  }

  /// An amount that was reached, with the severity of the worst in force.
  private func rainContent(_ index: Int, _ shown: Int, at moment: Moment) -> AlertContent {
    guard let amounts = channels[index].rain?.amounts else { return AlertContent(severity: .minor, urgency: .unknown) }
    let severity = amounts.amounts[amounts.worst ?? shown].severity
    let amount = amounts.amounts[shown]
    var content = AlertContent(
      severity: severity, urgency: severity >= .severe ? .immediate : .expected,
      observed: observedRain(
        index, Alert.Observed(quantity: .rain, value: nil, threshold: amount.amount, within: amount.within), at: moment)
    )
    content.until = rainWaitsUntil(index, at: moment)
    return content
  }

  /// When an alert ends that only its suppression keeps; nil where it rains enough, or the gauge says nothing.
  func rainWaitsUntil(_ index: Int, at moment: Moment) -> WallTime? {
    guard channels[index].decides, let end = channels[index].rain?.amounts?.waitsUntil, end > moment.monotonic else {
      return nil
    }
    return moment.wall + (end - moment.monotonic)
  }

  /// The sum now of the window that `shown` is about.
  func observedRain(_ index: Int, _ shown: Alert.Observed?, at moment: Moment) -> Alert.Observed? {
    var observed = shown
    if let within = shown?.within, channels[index].decides {
      observed?.value = channels[index].rain?.sum(within: within, at: moment.monotonic)
    } else {
      observed?.value = nil
    }
    return observed
  }

  /// Time alone changed something: ten minutes of the clock are over, an amount is, or it is time to save.
  mutating func wakeRain(_ index: Int, at moment: Moment, into effects: inout Effects) {
    let time = moment.monotonic
    if let due = channels.span[index].rain?.nextChange, due <= time {
      let isPeriodOver = channels.span[index].rain?.clock.boundary.map { $0 <= time } ?? false
      channels[index].rain?.advance(to: moment)
      judgeAmounts(index, at: moment, into: &effects)
      if isPeriodOver { report(index, isReading: false, at: moment, into: &effects) }
    }
    if let due = channels.span[index].rain?.total.saveDeadline, due <= time {
      saveRain(index, at: moment, into: &effects)
    }
  }

  /// What a rain gauge's tips add up to at `moment`; nil for any other sensor.
  public func rainSums(of sensor: SensorID, at moment: Moment) -> RainSums? {
    guard let index = channelIndex[sensor], var rain = channels[index].rain else { return nil }
    return rain.sums(at: moment)
  }
}
