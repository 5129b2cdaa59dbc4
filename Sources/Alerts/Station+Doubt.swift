import Observations

/// What a sensor that hangs has raised.
extension Station {
  private static let doubtable: [AlertKind] = [.waterLevel, .rateOfRise]

  /// A sensor hangs: what it has raised is neither ended by that, for nobody saw the water fall, nor a flood any more, for
  /// nobody sees it stand. It stays, is marked as not proven, and sounds nothing.
  mutating func doubtHazards(_ index: Int, _ cause: FaultCause, at moment: Moment, into effects: inout Effects) {
    let station = channels[index].stationOf ?? index
    let isSound = station == index ? isOtherSound(index, at: moment.monotonic) : channels[station].decides
    guard !isSound else { return }
    channels[station].ladder?.disbelieve()
    dropKeptBack(station, at: moment, into: &effects)
    for kind in Self.doubtable {
      guard let position = book.index(of: kind, for: channels[station].plan.id) else { continue }
      let alert = book.active[position].alert
      guard !alert.isUnproven else { continue }
      var observed = alert.observed
      observed?.value = nil
      observed?.ratePerHour = nil
      observed?.next = nil
      let content = AlertContent(
        level: alert.level, step: alert.step, severity: alert.severity, urgency: .unknown, certainty: .unknown,
        fault: cause, observed: observed)
      update(position, reason: "fault", content: content, isNews: false, at: moment, into: &effects)
      if channels[station].unprovenSince == nil {
        setUnproven(station, since: moment.monotonic, at: moment, into: &effects)
      }
    }
    watchDeadline(ofChannel: station)
    saveLadderIfNeeded(station, at: moment, into: &effects)
  }

  /// The sensor moves again: what it raised is measured again, and counts again if it still is so.
  mutating func proveHazards(
    _ index: Int, _ level: Measure, at moment: Moment, into effects: inout Effects
  ) {
    guard !channels.span[index].isFaulty || isOtherSound(index, at: moment.monotonic) else { return }
    if book.hasUnproven { tellProven(index, level, at: moment, into: &effects) }
    if channels.span[index].unprovenSince != nil { setUnproven(index, since: nil, at: moment, into: &effects) }
  }

  private mutating func tellProven(_ index: Int, _ level: Measure, at moment: Moment, into effects: inout Effects) {
    for kind in Self.doubtable {
      guard let position = book.unprovenIndex(of: kind, for: channels.span[index].plan.id) else { continue }
      let alert = book.active[position].alert
      var content = AlertContent(
        severity: alert.severity, urgency: alert.severity >= .severe ? .immediate : .expected,
        observed: observedRise(index, isReading: true))
      var isNews = false
      if kind == .waterLevel, let step = channels.span[index].ladder?.step {
        content = waterContent(index, step: step)
        isNews = content.observed?.threshold.map { level >= $0 } ?? false
      }
      update(position, reason: "measured", content: content, isNews: isNews, at: moment, into: &effects)
    }
  }

  /// It hung for so long that nobody can say any more that there is a flood: the sensor's fault goes on, and nothing else.
  /// Should it move and stand at a step, that is confirmed and raised anew.
  mutating func endUnproven(_ index: Int, at moment: Moment, into effects: inout Effects) {
    setUnproven(index, since: nil, at: moment, into: &effects)
    for kind in Self.doubtable {
      guard let position = book.unprovenIndex(of: kind, for: channels[index].plan.id) else { continue }
      let alert = book.active[position].alert
      let content = AlertContent(
        level: alert.level, step: alert.step, severity: alert.severity, urgency: .unknown, certainty: .unknown,
        fault: alert.fault, observed: alert.observed)
      clear(position, reason: "unproven", content: content, at: moment, into: &effects)
      if kind == .waterLevel { channels[index].ladder?.leave() }
      if kind == .rateOfRise { channels[index].trend?.rise?.restore(isRaised: false) }
    }
    saveLadderIfNeeded(index, at: moment, into: &effects)
    saveTrendIfNeeded(index, at: moment, into: &effects)
  }

  private mutating func setUnproven(
    _ index: Int, since: MonotonicTime?, at moment: Moment, into effects: inout Effects
  ) {
    channels[index].unprovenSince = since
    effects.saves.append(
      SavedState(
        key: SavedKey.unproven(channels[index].plan.id), savedAt: moment, part: since.map { .unproven(since: $0) }))
  }
}
