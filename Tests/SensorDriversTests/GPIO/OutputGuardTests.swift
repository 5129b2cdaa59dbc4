import Foundation
import Glibc
import Observations
import Testing

@testable import SensorDrivers

/// The writing end of a pipe in a line's place: as long as anybody holds it, its reader has not come to the end.
private final class HeldPipe {
  private(set) var writer: Int32
  private let reader: Int32

  init() {
    var ends: [Int32] = [-1, -1]
    _ = unsafe pipe(&ends)
    (reader, writer) = (ends[0], ends[1])
    for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
  }

  deinit {
    close(reader)
    letGo()
  }

  /// Closes this process's own copy.
  func letGo() {
    if writer >= 0 { close(writer) }
    writer = -1
  }

  /// Whether nobody holds it any more, waited for so long.
  func isFree(within milliseconds: Int32) -> Bool {
    var entry = pollfd(fd: reader, events: Int16(POLLIN), revents: 0)
    return unsafe poll(&entry, 1, milliseconds) == 1 && entry.revents & Int16(POLLHUP) != 0
  }
}

private func now() -> MonotonicTime {
  var time = timespec()
  _ = unsafe clock_gettime(CLOCK_MONOTONIC, &time)
  return MonotonicTime(nanoseconds: Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_nsec))
}

/// Waits until a process has ended; one that nobody has taken leave of yet has.
private func hasEnded(_ process: Int32) -> Bool {
  for _ in 0..<500 {
    guard let status = try? String(contentsOfFile: "/proc/\(process)/stat", encoding: .utf8),
      let state = status.split(separator: ")").last?.split(separator: " ").first, state != "Z"
    else { return true }
    usleep(10_000)
  }
  return false
}

// One at a time: a guard that is just being forked has, for a moment, a copy of every other test's pipes.
@Suite(.serialized) struct `The guard of the outputs` {
  private let outputGuard = OutputGuard(lastWords: "test: ")

  private func hold(_ pipe: HeldPipe, name: String = "line 7") -> UInt32 {
    outputGuard.hold(pipe.writer, isSafeActive: false, name: name)
  }

  /// Waits for the guard's answers and takes them.
  private func events() -> [OutputGuard.Event] {
    outputGuard.settle(within: .seconds(10))
    return outputGuard.serve(at: now())
  }

  @Test func `is not there before the first line`() {
    #expect(outputGuard.processNumber == nil && outputGuard.fileDescriptor == nil && outputGuard.nextDeadline == nil)
    #expect(outputGuard.serve(at: now()) == [])
  }

  @Test func `holds a line until it is dropped, and has let go of it when that has settled`() throws {
    let (first, second) = (HeldPipe(), HeldPipe())
    let number = hold(first)
    let other = hold(second)
    #expect(events() == [])
    #expect(outputGuard.isHolding(number) && outputGuard.isHolding(other))
    let process = outputGuard.processNumber
    outputGuard.drop(number)
    first.letGo()
    outputGuard.settle(within: .seconds(10))
    #expect(first.isFree(within: 0))
    #expect(!outputGuard.isHolding(number) && outputGuard.isHolding(other))
    second.letGo()
    #expect(!second.isFree(within: 0))
    #expect(outputGuard.processNumber == process && process != nil)
  }

  @Test func `keeps nothing open but its socket, standard error and the lines`() throws {
    let pipe = HeldPipe()
    _ = hold(pipe)
    #expect(events() == [])
    let process = try #require(outputGuard.processNumber)
    let descriptors = try FileManager.default.contentsOfDirectory(atPath: "/proc/\(process)/fd")
    #expect(descriptors.sorted().count == 3 && descriptors.contains("2"), "\(descriptors)")
  }

  @Test(arguments: [SIGTERM, SIGINT, SIGHUP, SIGQUIT, SIGPIPE, SIGUSR1, SIGUSR2, SIGALRM, SIGABRT, SIGTSTP])
  func `stays at its post whatever signal it is sent`(signal: Int32) throws {
    let pipe = HeldPipe()
    let number = hold(pipe)
    #expect(events() == [])
    let process = try #require(outputGuard.processNumber)
    #expect(kill(process, signal) == 0)
    outputGuard.drop(number)
    #expect(events() == [])
    #expect(outputGuard.processNumber == process)
    pipe.letGo()
    #expect(pipe.isFree(within: 0))
  }

  @Test func `goes when nobody is there to guard against, and its lines are free`() throws {
    let pipe = HeldPipe()
    var mortal: OutputGuard? = OutputGuard(lastWords: "test: ")
    _ = mortal?.hold(pipe.writer, isSafeActive: true, name: "line 7")
    mortal?.settle(within: .seconds(10))
    let process = try #require(mortal?.processNumber)
    pipe.letGo()
    #expect(!pipe.isFree(within: 0))
    mortal = nil
    // A pipe is no line, so it cannot be set: that keeps nothing up.
    #expect(pipe.isFree(within: 5000))
    #expect(hasEnded(process))
  }

  @Test func `that is killed is said once and replaced, and the new one holds the same lines`() throws {
    let pipe = HeldPipe()
    let number = hold(pipe)
    #expect(events() == [])
    let first = try #require(outputGuard.processNumber)
    let descriptor = try #require(outputGuard.fileDescriptor)
    #expect(kill(first, SIGKILL) == 0)
    #expect(awaitReadable(descriptor, milliseconds: 5000))
    let start = now()
    #expect(outputGuard.serve(at: start) == [.lost(reason: "it has ended")])
    #expect(!outputGuard.isHolding(number) && outputGuard.processNumber == nil)
    // It has lived for less than ten seconds: one that ends again and again is not started without a pause.
    #expect(outputGuard.serve(at: start + .seconds(1)) == [])
    let deadline = try #require(outputGuard.nextDeadline)
    #expect(deadline <= start + .seconds(10))
    #expect(outputGuard.serve(at: start + .seconds(10)) == [.isBack])
    #expect(events() == [])
    #expect(outputGuard.isHolding(number))
    #expect(outputGuard.processNumber.map { $0 != first } == true)
    outputGuard.drop(number)
    pipe.letGo()
    outputGuard.settle(within: .seconds(10))
    #expect(pipe.isFree(within: 0))
    #expect(hasEnded(first))
  }

  @Test func `that has stopped is not waited for, and its lines are free`() throws {
    let pipe = HeldPipe()
    let number = hold(pipe)
    #expect(events() == [])
    let process = try #require(outputGuard.processNumber)
    #expect(kill(process, SIGSTOP) == 0)
    let start = now()
    outputGuard.drop(number)
    pipe.letGo()
    outputGuard.settle(within: .milliseconds(200))
    let waited = now() - start
    #expect(waited >= .milliseconds(200) && waited < .seconds(2))
    #expect(pipe.isFree(within: 5000))
    #expect(outputGuard.serve(at: now()) == [.lost(reason: "it does not answer")])
    #expect(hasEnded(process))
  }

  @Test func `is asked once a minute whether it is there, and given up when it does not say so`() throws {
    let pipe = HeldPipe()
    _ = hold(pipe)
    #expect(events() == [])
    let start = now()
    let process = try #require(outputGuard.processNumber)
    let due = try #require(outputGuard.nextDeadline)
    #expect(due <= start + .minutes(1) && due > start + .seconds(30))
    #expect(outputGuard.serve(at: due) == [])
    #expect(outputGuard.nextDeadline == due + .seconds(5))
    outputGuard.settle(within: .seconds(10))
    #expect(outputGuard.serve(at: due + .seconds(5)) == [])
    #expect(outputGuard.processNumber == process)
    #expect(outputGuard.nextDeadline == due + .minutes(1))
    #expect(kill(process, SIGSTOP) == 0)
    #expect(outputGuard.serve(at: due + .minutes(1)) == [])
    let events = outputGuard.serve(at: due + .minutes(1) + .seconds(5))
    // It has been there for more than ten seconds by then: another comes at once.
    #expect(events == [.lost(reason: "it does not answer"), .isBack])
    #expect(outputGuard.processNumber.map { $0 != process } == true)
    #expect(hasEnded(process))
  }

  @Test func `holds 64 lines, and says of which it holds no more`() throws {
    let pipe = HeldPipe()
    let numbers = (1...OutputGuard.capacity + 1).map { hold(pipe, name: "line \($0)") }
    #expect(events() == [.refused(line: "line 65", reason: "it holds 64 lines at most")])
    #expect(numbers.dropLast().allSatisfy(outputGuard.isHolding))
    #expect(!outputGuard.isHolding(numbers[64]))
    // What was never held is dropped without a word, and there is room again behind one that was.
    outputGuard.drop(numbers[64])
    outputGuard.drop(numbers[3])
    #expect(events() == [])
    let later = hold(pipe, name: "line 66")
    #expect(events() == [])
    #expect(outputGuard.isHolding(later))
  }

  @Test func `takes nothing but orders`() throws {
    let pipe = HeldPipe()
    let number = hold(pipe)
    #expect(events() == [])
    let descriptor = try #require(outputGuard.fileDescriptor)
    let process = outputGuard.processNumber
    for length in [1, 11, 13, 4096] {
      let noise = [UInt8](repeating: 0xA5, count: length)
      #expect(unsafe send(descriptor, noise, length, Int32(MSG_NOSIGNAL)) == length)
    }
    outputGuard.drop(number)
    #expect(events() == [])
    pipe.letGo()
    #expect(pipe.isFree(within: 0))
    #expect(outputGuard.processNumber == process)
  }
}
