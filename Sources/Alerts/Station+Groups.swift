import Observations

/// One cause that silences several sensors is one alert, of the kind `blind`, about the thing that they hang on.
extension Station {
  /// Which channels belong together.
  static func groups(of plan: StationPlan, _ channels: inout [SensorChannel]) -> [FaultGroup] {
    let groups = FaultGroup.groups(of: plan)
    for (number, group) in groups.enumerated() {
      for member in group.members {
        channels[member].group = number
        // Every line of a chip is looked after by itself, every ten seconds.
        if group.source.about == "chip" { channels[member].faults.sourceConfirmation = .seconds(15) }
      }
    }
    return groups
  }

  /// A sensor was declared faulty: if it shares its cause with others, they are told together. Returns false where it is
  /// its own alert.
  mutating func joinGroup(_ index: Int, _ cause: FaultCause, at moment: Moment, into effects: inout Effects) -> Bool {
    guard let number = channels[index].group, cause.isSpeechless else { return false }
    // Whose own alert stays because its fault comes and goes is told of there.
    let others = groups[number].members.filter {
      $0 != index && channels[$0].faults.declared == nil
        && faultAlert(of: .sensor($0)) == nil
    }
    var together = [index]
    if cause.isOfTheSource {
      together += others.filter { channels[$0].faults.cause?.isOfTheSource == true }
    } else {
      // A port that works and brings nothing, from nobody.
      guard groups[number].silenced.isEmpty,
        others.allSatisfy({ channels[$0].faults.cause?.isSpeechless == true })
      else { return false }
      together += others
    }
    let position = faultAlert(of: .group(number))
    guard position != nil && cause.isOfTheSource || together.count > 1 else { return false }
    let onset = together.map { channels[$0].faults.believableAt }.min() ?? moment.monotonic
    for member in together where member != index { fall(member, at: moment, into: &effects) }
    for member in together { channels[member].isGrouped = true }
    groups[number].silenced = (groups[number].silenced + together).sorted()
    let content = groupContent(number, cause: cause)
    if groups[number].flicker.soundSince != nil { channels[groups[number].members[0]].settlesAt = nil }
    groups[number].flicker.fell()
    if let position {
      if !isSaidToFlicker(number) {
        update(position, reason: "sensors", content: content, isNews: false, at: moment, into: &effects)
      }
    } else {
      groups[number].hasRecovered = false
      raiseFault(of: .group(number), onset: onset, content: content, at: moment, into: &effects)
    }
    saveGroup(number, at: moment, into: &effects)
    for member in together { faultChanged(member, at: moment, into: &effects) }
    return true
  }

  /// A sensor of a group speaks again. Those that are left are told of together a little later.
  mutating func leaveGroup(_ index: Int, at moment: Moment, into effects: inout Effects) {
    guard let number = channels[index].group else { return }
    channels[index].isGrouped = false
    groups[number].silenced.removeAll { $0 == index }
    groups[number].hasRecovered = true
    if !groups[number].silenced.isEmpty {
      settleLater(number, at: moment)
      saveGroup(number, at: moment, into: &effects)
    } else if keepsFaultAlert(of: .group(number), at: moment, into: &effects) {
      saveGroup(number, at: moment, into: &effects)
    } else {
      clearGroup(number, reason: "recovered", at: moment, into: &effects)
    }
  }

  /// Whether it was said that a group's fault comes and goes, and of all that are silent now.
  private func isSaidToFlicker(_ number: Int) -> Bool {
    guard groups[number].flicker.isSaid, let position = faultAlert(of: .group(number)) else { return false }
    return Set(names(of: number)).isSubset(of: book.active[position].alert.affected ?? [])
  }

  /// A driver says of a sensor something else than its group's alert does.
  mutating func noteGroupCause(_ index: Int, _ cause: FaultCause, at moment: Moment) {
    guard channels[index].isGrouped, let number = channels[index].group,
      cause.isOfTheSource != channels[index].faults.declared?.isOfTheSource
    else { return }
    settleLater(number, at: moment)
  }

  private mutating func settleLater(_ number: Int, at moment: Moment) {
    let first = groups[number].members[0]
    guard channels[first].settlesAt == nil else { return }
    channels[first].settlesAt = moment.monotonic + FaultGroup.settling
    watchDeadline(ofChannel: first)
  }

  /// Brings a group's alert up to date: who is still silent by the common cause, and who has a fault of its own.
  mutating func settleGroup(at first: Int, at moment: Moment, into effects: inout Effects) {
    channels[first].settlesAt = nil
    if let number = channels[first].group, let due = groups[number].flicker.deadline {
      if due <= moment.monotonic { clearGroup(number, reason: "recovered", at: moment, into: &effects) }
      return
    }
    guard let number = channels[first].group, let position = faultAlert(of: .group(number)) else { return }
    let told = book.active[position].alert
    func cause(_ member: Int) -> FaultCause { channels[member].faults.cause ?? told.fault ?? .silent }
    let wasOfTheSource = told.fault?.isOfTheSource == true
    if groups[number].hasRecovered {
      let apart = groups[number].silenced.filter { !cause($0).isOfTheSource }
      // The common thing works: whoever is still silent for a reason of its own has an alert of its own.
      for member in apart { separate(member, cause(member), from: number, at: moment, into: &effects) }
    } else if let other = groups[number].silenced.first.map(cause), other.isOfTheSource != wasOfTheSource {
      for member in groups[number].silenced { channels[member].faults.restore(declared: cause(member)) }
      update(
        position, reason: "cause", content: groupContent(number, cause: other), isNews: false, at: moment,
        into: &effects)
    }
    if groups[number].silenced.isEmpty {
      return clearGroup(number, reason: "separated", at: moment, into: &effects)
    }
    if let position = faultAlert(of: .group(number)),
      book.active[position].alert.affected != names(of: number), !isSaidToFlicker(number)
    {
      let cause = groups[number].silenced.first.map(cause)
      update(
        position, reason: "sensors", content: groupContent(number, cause: cause), isNews: false, at: moment,
        into: &effects)
    }
    saveGroup(number, at: moment, into: &effects)
  }

  private mutating func separate(
    _ member: Int, _ cause: FaultCause, from number: Int, at moment: Moment, into effects: inout Effects
  ) {
    channels[member].isGrouped = false
    channels[member].faults.restore(declared: cause)
    groups[number].silenced.removeAll { $0 == member }
    raiseFault(
      of: .sensor(member), onset: channels[member].faults.believableAt, content: faultContent(member, cause: cause),
      at: moment, into: &effects)
    report(member, isReading: false, at: moment, into: &effects)
  }

  private mutating func clearGroup(_ number: Int, reason: String, at moment: Moment, into effects: inout Effects) {
    channels[groups[number].members[0]].settlesAt = nil
    if groups[number].flicker.isUnstable { groups[number].flicker = FaultFlicker() }
    let flicker = groups[number].flicker.memory
    effects.saves.append(
      SavedState(
        key: SavedKey.faultGroup(groups[number].source), savedAt: moment,
        part: flicker == nil ? nil : .faultGroup(groupMemory(number))))
    clearFault(of: .group(number), reason: reason, at: moment, into: &effects)
  }

  private func names(of number: Int) -> [SensorID] { groups[number].silenced.map { channels[$0].plan.id } }

  private func groupContent(_ number: Int, cause: FaultCause?) -> AlertContent {
    AlertContent(severity: .moderate, urgency: .expected, fault: cause, affected: names(of: number))
  }

  // MARK: Memory

  private func saveGroup(_ number: Int, at moment: Moment, into effects: inout Effects) {
    effects.saves.append(
      SavedState(
        key: SavedKey.faultGroup(groups[number].source), savedAt: moment, part: .faultGroup(groupMemory(number))))
  }

  func groupMemory(_ number: Int) -> FaultGroup.Memory {
    FaultGroup.Memory(
      source: groups[number].source,
      silenced: groups[number].silenced.map {
        FaultGroup.Memory.Silenced(sensor: channels[$0].plan.id, cause: channels[$0].faults.declared ?? .silent)
      },
      settlesAt: channels[groups[number].members[0]].settlesAt, hasRecovered: groups[number].hasRecovered,
      flicker: groups[number].flicker.memory)
  }

  /// Takes up which sensors an alert that is still active tells of. Those that were moved elsewhere are not among them.
  mutating func restoreGroup(_ number: Int, _ saved: [String: SavedState], shift: TimeShift) {
    guard let state = saved[SavedKey.faultGroup(groups[number].source)], case .faultGroup(let memory)? = state.part
    else { return }
    restoreFlicker(of: .group(number), memory.flicker, in: state, shift: shift)
    guard faultAlert(of: .group(number)) != nil else { return }
    for silenced in memory.silenced {
      guard let index = channelIndex[silenced.sensor], channels[index].group == number else { continue }
      channels[index].isGrouped = true
      channels[index].faults.restore(declared: silenced.cause)
      groups[number].silenced.append(index)
    }
    groups[number].silenced.sort()
    groups[number].hasRecovered = memory.hasRecovered
    let settlesAt = memory.settlesAt.map { shift.throughPause($0, savedAt: state.savedAt) }
    if groups[number].silenced.isEmpty, groups[number].flicker.soundSince == nil {
      _ = groups[number].flicker.recovered(at: clock.monotonic)
    }
    channels[groups[number].members[0]].settlesAt = groups[number].flicker.deadline ?? settlesAt
  }
}
