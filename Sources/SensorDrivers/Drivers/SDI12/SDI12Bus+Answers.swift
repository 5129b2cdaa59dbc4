import Observations

// What a device's lines mean in a conversation.
extension SDI12Bus {
  /// A line has come: good or spoilt.
  mutating func takeLine(at time: MonotonicTime, into actions: inout DriverActions) {
    guard let current = conversation else { return }
    if current.phase == .serving {
      takeServiceRequest(current, at: time, into: &actions)
      return
    }
    let accepted =
      switch current.command {
      case .identify: takeIdentification(current, at: time, into: &actions)
      case .measure(let measurement) where measurement.kind == .continuous:
        takeValues(current, isLast: true, at: time, into: &actions)
      case .measure(let measurement): takePromise(current, measurement, at: time, into: &actions)
      case .data(let index): takeValues(current, isLast: index == 9, at: time, into: &actions)
      }
    guard accepted else {
      counters.checksumErrors += 1
      attemptFailed(.garbledReply, at: time, into: &actions)
      return
    }
    counters.frames += 1
    postponeReopening(at: time)
  }

  /// `a` alone: the values are ready before their time (SDI-12 specification 1.4, 4.4.6). Anything else is noise.
  private mutating func takeServiceRequest(
    _ current: Conversation, at time: MonotonicTime, into actions: inout DriverActions
  ) {
    guard reader.line == [devices[tasks[current.task].device].address.character] else {
      counters.checksumErrors += 1
      return
    }
    counters.frames += 1
    postponeReopening(at: time)
    ask(.data(0), at: time, into: &actions)
  }

  private mutating func takeIdentification(
    _ current: Conversation, at time: MonotonicTime, into actions: inout DriverActions
  ) -> Bool {
    let device = tasks[current.task].device
    let line = reader.line
    guard let identification = SDI12Identification(line.span, from: devices[device].address) else { return false }
    guard identification.matches(devices[device].identity ?? "") else {
      counters.exceptions += 1
      deviceFailed(device, .wrongDevice, at: time, into: &actions)
      return true
    }
    devices[device].isIdentified = true
    ask(.measure(tasks[current.task].measurement), at: time, into: &actions)
    return true
  }

  private mutating func takePromise(
    _ current: Conversation, _ measurement: SDI12Measurement, at time: MonotonicTime,
    into actions: inout DriverActions
  ) -> Bool {
    let device = tasks[current.task].device
    let line = reader.line
    guard let promise = SDI12Promise(line.span, from: devices[device].address, to: measurement.kind) else {
      return false
    }
    devices[device].answered()
    tasks[current.task].promised = promise.count
    let span = TimeSpan.seconds(Int64(promise.seconds))
    if promise.count == 0 {
      counters.exceptions += 1
      finish(current.task, without: .noData, at: time, into: &actions)
    } else if span > tasks[current.task].longest {
      finish(current.task, without: .tooSlow, at: time, into: &actions)
    } else if promise.seconds == 0 {
      ask(.data(0), at: time, into: &actions)
    } else if measurement.kind == .concurrent {
      tasks[current.task].readyAt = time + span + Self.byteGap
      hangUp(at: time)
    } else {
      conversation?.phase = .serving
      conversation?.deadline = time + span + Self.byteGap
    }
    return true
  }

  private mutating func takeValues(
    _ current: Conversation, isLast: Bool, at time: MonotonicTime, into actions: inout DriverActions
  ) -> Bool {
    let index = current.task
    let task = tasks[index]
    let address = devices[task.device].address
    let line = reader.line
    let result = SDI12Values.parse(
      line.span, from: address, withChecksum: task.measurement.withChecksum, into: &tasks[index].values)
    guard case .values(let count) = result else { return false }
    devices[task.device].answered()
    let collected = tasks[index].values.count
    if collected == 0 {
      finish(index, without: .noData, at: time, into: &actions)
    } else if count == 0 || isLast || collected >= task.promised {
      finish(index, at: time, into: &actions)
    } else if case .data(let number) = current.command {
      ask(.data(number + 1), at: time, into: &actions)
    } else {
      finish(index, at: time, into: &actions)
    }
    return true
  }

  /// The values are there: each sensor gets its own.
  private mutating func finish(_ index: Int, at time: MonotonicTime, into actions: inout DriverActions) {
    let values = tasks[index].values
    for point in tasks[index].points {
      let observation: Observation
      if point.value < 1 || point.value > values.count {
        observation = .fault(point.sensor, .missingValue)
      } else if let value = Measure(rounding: values[point.value - 1] * point.scale + point.offset, for: point.quantity)
      {
        observation = .reading(point.sensor, value)
      } else {
        observation = .fault(point.sensor, .outOfRange)
      }
      actions.observations.append(TimedObservation(time: time, observation: observation))
    }
    tasks[index].advance(after: time)
    hangUp(at: time)
  }

  /// The device answers, but not with values.
  private mutating func finish(
    _ index: Int, without cause: FaultCause, at time: MonotonicTime, into actions: inout DriverActions
  ) {
    for point in tasks[index].points {
      actions.observations.append(TimedObservation(time: time, observation: .fault(point.sensor, cause)))
    }
    tasks[index].advance(after: time)
    hangUp(at: time)
  }

  /// The device does not answer, or is another one: none of its sensors can say anything.
  mutating func deviceFailed(
    _ device: Int, _ cause: FaultCause, at time: MonotonicTime, into actions: inout DriverActions
  ) {
    devices[device].failed(at: time)
    for index in tasks.indices where tasks[index].device == device {
      for point in tasks[index].points {
        actions.observations.append(TimedObservation(time: time, observation: .fault(point.sensor, cause)))
      }
      tasks[index].advance(after: time)
    }
    hangUp(at: time)
  }
}
