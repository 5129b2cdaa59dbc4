import Logging
import Testing

@testable import Gateway

struct StandardErrorLogTests {
  private func line(_ metadata: Logger.Metadata?, own: Logger.Metadata = [:]) -> String {
    var log = StandardErrorLog(label: "gateway")
    log.metadata = own
    return log.line(
      for: LogEvent(
        level: .warning, message: "Lost the broker.", metadata: metadata, source: "test", file: "f", function: "g",
        line: 1))
  }

  @Test func `tells an event's details behind its words`() {
    #expect(
      line(["port": "1883", "host": "10.0.0.1"]).hasSuffix("gateway: Lost the broker. [host=10.0.0.1 port=1883]"))
  }

  @Test func `tells an event's own detail in place of the logger's`() {
    #expect(line(["host": "b"], own: ["host": "a", "x": "1"]).hasSuffix("Lost the broker. [host=b x=1]"))
  }

  @Test func `adds nothing to an event without details`() {
    #expect(line(nil).hasSuffix("gateway: Lost the broker."))
  }
}
