import com.sun.net.httpserver.HttpServer;
import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;

/**
 * A program that knows nothing of tracing: an HTTP server of the JDK's, and its client, that calls it.
 *
 * <p>Each line of stdin is a path to call; each is answered by one line of JSON, the header `traceparent` that the agent
 * put into the request. What is left is sent by the agent when the program ends.
 */
public final class Program {
  public static void main(String[] arguments) throws Exception {
    HttpServer server = HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 0);
    server.createContext(
        "/",
        exchange -> {
          String parent = exchange.getRequestHeaders().getFirst("traceparent");
          byte[] body = String.valueOf(parent).getBytes(StandardCharsets.US_ASCII);
          exchange.sendResponseHeaders(exchange.getRequestURI().getPath().equals("/checkout") ? 200 : 503, body.length);
          exchange.getResponseBody().write(body);
          exchange.close();
        });
    server.start();
    HttpClient client = HttpClient.newHttpClient();
    BufferedReader lines = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
    String line;
    while ((line = lines.readLine()) != null) {
      String path = line.substring(2, line.length() - 2);
      URI uri = URI.create("http://127.0.0.1:" + server.getAddress().getPort() + path);
      HttpRequest request = HttpRequest.newBuilder(uri).build();
      System.out.printf("{\"answer\": \"%s\"}%n", client.send(request, HttpResponse.BodyHandlers.ofString()).body());
    }
    server.stop(0);
  }
}
