import ArgumentParser
import Gateway

@main
struct GatewayCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "mimamori-gateway",
    abstract: "Watches a river, an underpass and a school gate from a field board.",
    version: mimamoriVersion,
    subcommands: [
      RunCommand.self,
      CheckCommand.self,
      ReplayCommand.self,
      RecordCommand.self,
      SimulateCommand.self,
      ProbeCommand.self,
      LedgerCommand.self,
      AccessRulesCommand.self,
      SchemaCommand.self,
      SignCommand.self,
    ])
}
