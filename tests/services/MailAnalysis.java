// What Elasticsearch's index of users and API keys asks of the module analysis-common, which the archive for tests lacks: three
// names of analysis components. They need not do quite the same here, since nobody looks for users by their mail.
import java.util.Map;
import java.util.regex.Pattern;
import org.apache.lucene.analysis.TokenStream;
import org.apache.lucene.analysis.Tokenizer;
import org.apache.lucene.analysis.email.UAX29URLEmailTokenizer;
import org.apache.lucene.analysis.miscellaneous.RemoveDuplicatesTokenFilter;
import org.apache.lucene.analysis.pattern.PatternCaptureGroupTokenFilter;
import org.elasticsearch.index.analysis.TokenFilterFactory;
import org.elasticsearch.index.analysis.TokenizerFactory;
import org.elasticsearch.indices.analysis.AnalysisModule.AnalysisProvider;
import org.elasticsearch.plugins.AnalysisPlugin;
import org.elasticsearch.plugins.Plugin;

public class MailAnalysis extends Plugin implements AnalysisPlugin {
    private record Filter(String name, java.util.function.UnaryOperator<TokenStream> make) implements TokenFilterFactory {
        public TokenStream create(TokenStream input) {
            return make.apply(input);
        }
    }

    public Map<String, AnalysisProvider<TokenFilterFactory>> getTokenFilters() {
        return Map.of(
            "pattern_capture", (index, environment, name, settings) ->
                new Filter(name, input -> new PatternCaptureGroupTokenFilter(input, true, Pattern.compile("([^@]+)"))),
            "unique", (index, environment, name, settings) -> new Filter(name, RemoveDuplicatesTokenFilter::new));
    }

    public Map<String, AnalysisProvider<TokenizerFactory>> getTokenizers() {
        return Map.of("uax_url_email", (index, environment, name, settings) ->
            TokenizerFactory.newFactory(name, () -> (Tokenizer) new UAX29URLEmailTokenizer()));
    }
}
