using MQTTnet.Diagnostics.Logger;

namespace Fleet.Server.Messaging;

/// <summary>
/// The broker's own log. A connection that breaks is an error to the broker and everyday life to a fleet, so what it calls errors
/// and warnings is kept for those who look closely.
/// </summary>
internal sealed partial class BrokerLog(ILogger<BrokerLog> logger) : IMqttNetLogger
{
    /// <inheritdoc/>
    public bool IsEnabled => logger.IsEnabled(LogLevel.Debug);

    /// <inheritdoc/>
    public void Publish(MqttNetLogLevel logLevel, string source, string message, object[] parameters, Exception exception)
    {
        if (logLevel < MqttNetLogLevel.Warning) return;
        LogBroker(
            source, parameters is { Length: > 0 }
                ? string.Format(System.Globalization.CultureInfo.InvariantCulture, message, parameters)
                : message, exception);
    }

    [LoggerMessage(LogLevel.Debug, "{Source}: {Message}")]
    private partial void LogBroker(string source, string message, Exception exception);
}
